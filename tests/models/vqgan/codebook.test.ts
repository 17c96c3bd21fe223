/** Codes after a step, against what loops make of the batch: running means, and codes that are revived. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { f32, i32, u32 } from "../../../core/tensor/spec.ts"
import { hostKey } from "../../../core/random/host.ts"
import { type Chosen, type Codebook, type CodesState, renewed } from "../../../models/vqgan/codebook.ts"
import { inputs, meant, type Numbers } from "../../ops/updates.ts"

const it = suite("models/vqgan/codebook")

const [codes, places] = [4, 6]
const box = { batch: 1, row: 2, col: 3 }
const specs = {
  codes: { counts: f32("code", { code: codes }), sums: f32("code embed", { code: codes, embed: 1 }) },
  before: {
    ids: i32("batch row col", box),
    latents: f32("batch row col embed", { ...box, embed: 1 }),
    codebook: f32("code embed", { code: codes, embed: 1 }),
  },
  key: u32("key", { key: 2 }),
  step: i32(),
}
const nodes = inputs(specs) as unknown as { codes: CodesState; before: Chosen; key: never; step: never }

/** Codes 0 and 1 are chosen, 2 and 3 are not; the latent 9 is met worst. */
const given: Numbers = {
  ...{ "codes.counts": [2, 2, 0.01, 0], "codes.sums": [2, 4, 0.03, 0] },
  "before.ids": [0, 0, 0, 1, 1, 1],
  "before.latents": [1, 1.1, 0.9, 2, 2.1, 9],
  "before.codebook": [1, 2, 3, -50],
  ...{ key: Array.from(hostKey(7).data), step: [0] },
}

const after = (book: Codebook, more: Numbers = {}): Numbers => {
  const { codes: state, before, key, step } = nodes
  const own = book.kind === "mean" ? state : { counts: state.counts }
  return meant(renewed(book, own, before, { codebook: before.codebook, key, step }), { ...given, ...more })
}

const near = (got: ReadonlyArray<number>, want: ReadonlyArray<number>): void =>
  want.forEach((x, i) => assert.ok(Math.abs(got[i]! - x) < 2e-3 * Math.max(1, Math.abs(x)), `${got} is not ${want}`))

it("codes are the running means of the latents that chose them", () => {
  const got = after({ kind: "mean", memory: 0.9 })
  near(got["codes.counts"]!, [0.9 * 2 + 0.1 * 3, 0.9 * 2 + 0.1 * 3, 0.009, 0])
  near(got["codes.sums"]!, [0.9 * 2 + 0.1 * 3, 0.9 * 4 + 0.1 * 13.1, 0.027, 0])
  near(got["codebook"]!.slice(0, 3), [1, (3.6 + 1.31) / 2.1, 3])
})

it("codes that are chosen too seldom begin at latents of the batch, each at another one; others stay", () => {
  const fair = places / codes
  for (
    const book of [{ kind: "mean", memory: 0.9, revive: 0.2 }, { kind: "loss", memory: 0.9, revive: 0.2 }] as const
  ) {
    const [got, plain] = [after(book), after({ ...book, revive: 0 })]
    near(got["codebook"]!.slice(0, 2), plain["codebook"]!.slice(0, 2))
    const fresh = got["codebook"]!.slice(2)
    assert.ok(fresh.every((x) => given["before.latents"]!.includes(x)), `${fresh} are latents`)
    assert.is.not(fresh[0], fresh[1])
    near(got["codes.counts"]!.slice(2), [fair, fair])
    if (book.kind === "mean") near(got["codes.sums"]!.slice(2), fresh.map((x) => x * fair))
  }
})

it("latents that are met worst are drawn the likeliest, and steps draw anew", () => {
  const draws = Array.from(
    { length: 40 },
    (_, step) => after({ kind: "mean", memory: 0.9, revive: 0.2 }, { step: [step] })["codebook"]!.slice(2).join(),
  )
  // of the squared distances 0, 0.01, 0.01, 0, 0.01 and 49 the last is nearly all
  assert.ok(draws.every((d) => d.split(",").includes("9")), draws.join(" "))
  assert.ok(new Set(draws).size > 2, draws.join(" "))
})

it.run()
