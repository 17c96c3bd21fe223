import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { compile } from "../../core/plan/compile.ts"
import { hostKey } from "../../core/random/host.ts"
import { i32 } from "../../core/tensor/spec.ts"
import { flatten } from "../../core/tensor/tree.ts"
import type { Config } from "../../models/llama/config.ts"
import { type Caches, cacheSpecs, decode } from "../../models/llama/decode.ts"
import { forward } from "../../models/llama/llama.ts"
import { initialise, specs } from "../../models/llama/parameters.ts"
import type { Storage } from "../../ops/cache.ts"
import { runOracle } from "../core/plan/same.ts"

const it = suite("models/llama/decode")

const config: Config = {
  ...{ vocab: 23, model: 16, hidden: 20, layers: 2, groups: 2, share: 2, head: 4, theta: 1e4, epsilon: 1e-6 },
  context: 64,
}
const batch = 2
const time = 11
const tokens = Array.from({ length: batch * time }, (_, i) => (i * 7 + 3) % config.vocab)
const drawn = flatten(initialise(config, hostKey(5))).map(([path, h]) =>
  // larger than at the beginning of training, so that attention is sharp
  [`parameters.${path}`, Array.from(h.data, (x) => h.axes.length === 1 ? x : x * 12)] as const
)
const known = new Map<string, ReadonlyArray<number>>(drawn)

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}

/** Logits of all places at once: batch, time, vocab. */
const whole = async (): Promise<ReadonlyArray<number>> => {
  const { program } = right(
    compile(({ parameters, tokens }) => ({ logits: forward(config)(parameters, tokens) }), {
      parameters: specs(config),
      tokens: i32("batch time", { batch, time }),
    }),
  )
  return (await runOracle(program, program.inputs.map((s) => known.get(s.path) ?? tokens)))[0]!
}

/** Logits after each piece, read against caches of that storage. */
const pieces = async (storage: Storage, cut: ReadonlyArray<number>): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const caches = cacheSpecs(config, { batch, capacity: 16, storage })
  let held = new Map(
    (flatten({ caches }) as ReadonlyArray<readonly [string, { readonly shape: ReadonlyArray<number> }]>).map((
      [path, s],
    ) => [path, Array.from({ length: s.shape.reduce((a, b) => a * b, 1) }, () => 0) as ReadonlyArray<number>]),
  )
  const out: Array<ReadonlyArray<number>> = []
  let place = 0
  for (const n of cut) {
    const { program } = right(
      compile(
        (x) => decode(config, { split: 4 })(x.parameters, x.caches as Caches, x.tokens, x.place),
        { parameters: specs(config), caches, tokens: i32("batch time", { batch, time: n }), place: i32() },
        { donate: ["caches"] },
      ),
    )
    const part = Array.from({ length: batch }, (_, b) => tokens.slice(b * time + place, b * time + place + n)).flat()
    const results = await runOracle(
      program,
      program.inputs.map((s) => known.get(s.path) ?? held.get(s.path) ?? (s.path === "place" ? [place] : part)),
    )
    held = new Map(
      program.outputs.map((o, i) => [o.path, results[i]!] as const).filter(([p]) => p.startsWith("caches")),
    )
    out.push(results[program.outputs.findIndex((o) => o.path === "logits")]!)
    place += n
  }
  return out
}

const bounds: { readonly [S in Storage]?: number } = { f32: 1e-9, f16: 2e-3, int8: 0.03 }

it("reading on in any pieces gives the logits of reading all at once, at every place", async () => {
  const all = await whole()
  const at = (b: number, t: number): ReadonlyArray<number> =>
    all.slice((b * time + t) * config.vocab, (b * time + t + 1) * config.vocab)
  const scale = Math.max(...all.map(Math.abs))
  assert.ok(scale > 0.5, `logits say something: ${scale}`)
  for (const storage of ["f32", "f16", "int8"] as const) {
    for (const cut of [Array.from({ length: time }, () => 1), [4, 1, 3, 1, 2]]) {
      const got = await pieces(storage, cut)
      let last = -1
      got.forEach((logits, k) => {
        last += cut[k]!
        for (let b = 0; b < batch; b++) {
          at(b, last).forEach((x, v) => {
            const off = Math.abs(logits[b * config.vocab + v]! - x) / scale
            assert.ok(off <= bounds[storage]!, `${storage} place ${last}: off by ${off}`)
          })
        }
      })
    }
  }
})

it("new tokens are written in place: a step moves a few rows, not the caches", () => {
  const traffic = (capacity: number): number => {
    const caches = cacheSpecs(config, { batch, capacity, storage: "f32" })
    const { program } = right(
      compile(
        (x) => decode(config)(x.parameters, x.caches, x.tokens, x.place),
        { parameters: specs(config), caches, tokens: i32("batch time", { batch, time: 1 }), place: i32() },
        { donate: ["caches"] },
      ),
    )
    return program.forecast.traffic
  }
  const grown = (traffic(4096) - traffic(2048)) / 2048
  // read once: keys and values, of every layer, head and row; never written
  const once = config.layers * 2 * batch * config.groups * config.head * 4
  assert.ok(grown <= 1.1 * once, `${grown} bytes a token more, of ${once} that must be read`)
})

it.run()
