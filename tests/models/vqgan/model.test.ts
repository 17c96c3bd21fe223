/** The model against weights whose effect is known, and gradients of everything against central differences. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../../core/random/host.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { type AnySpec, f32, i32 } from "../../../core/tensor/spec.ts"
import { flatten } from "../../../core/tensor/tree.ts"
import { codebookLoss, commitmentLoss } from "../../../ops/quantize.ts"
import { add, mul, sub } from "../../../ops/elementwise.ts"
import * as Vqgan from "../../../models/vqgan/mod.ts"
import { generate } from "../../../models/vqgan/generator.ts"
import { judge } from "../../../models/vqgan/discriminator.ts"
import { adaptive, hinge, pixels, seenFar, unreal } from "../../../models/vqgan/losses.ts"
import { beforeLast, lastOf } from "../../../models/vqgan/model.ts"
import type { Features } from "../../../models/vqgan/layers.ts"
import { constant } from "../../../ops/literal.ts"
import { rename } from "../../../ops/movement.ts"
import type { Node } from "../../../core/graph/node.ts"
import { faultsOf } from "../../../core/graph/validity.ts"
import { grad } from "../../../core/grad/grad.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { inputs, meant, noise, type Numbers } from "../../ops/updates.ts"
import { framesOf, recipe } from "./small.ts"

const it = suite("models/vqgan/model")

// ---- ids go there and back ---------------------------------------------------

/**
 * Weights with which codes are the corners of a cube, and decoder and encoder do nothing but show them: residual blocks add
 * 0, every feature has its negative beside it in one group, so that norms keep signs, and silu(v) - silu(-v) = v.
 */
const mirror: Vqgan.VqganConfig = {
  ...{ resolution: 8, channels: 3, hidden: 6, multipliers: [1, 1, 1], blocks: 1, latent: 3, codes: 8, embed: 3 },
  ...{ groups: 3, epsilon: 1e-6 },
}

/** What a kernel does at one tap: by the number of the value that goes in and of the one that comes out. */
type Taps = (inside: number, out: number) => number
const paired: Taps = (i, o) => Math.floor(o / 2) === i ? 1 - 2 * (o % 2) : 0
const joined: Taps = (i, o) => Math.floor(i / 2) === o ? 1 - 2 * (i % 2) : 0
const same: Taps = (i, o) => i === o ? 1 : 0

const shown: ReadonlyArray<readonly [ending: RegExp, tap: number, taps: Taps]> = [
  [/first\.kernel$/, 1, paired],
  [/last\.kernel$/, 1, joined],
  [/encoder\..*resample\.kernel$/, 0, same],
  [/decoder\..*resample\.kernel$/, 1, same],
  [/(quant|postQuant)\.kernel$/, 0, same],
]

const corners: Numbers = Object.fromEntries(
  (flatten(Vqgan.specs(mirror)) as ReadonlyArray<readonly [string, AnySpec]>).map(([path, { shape }]) => {
    const size = shape.reduce((a, b) => a * b, 1)
    const of = (f: (i: number) => number): ReadonlyArray<number> => Array.from({ length: size }, (_, i) => f(i))
    if (path === "codebook") return [path, of((i) => (Math.floor(i / 3) >> (i % 3)) % 2 === 0 ? -1 : 1)]
    if (path.endsWith("scale")) return [path, of(() => 1)]
    const found = shown.find(([ending]) => ending.test(path))
    if (found === undefined) return [path, of(() => 0)]
    const [, tap, taps] = found
    const [, columns, inside, out] = shape as [number, number, number, number]
    const at = (tap * columns + tap) * inside * out
    return [path, of((i) => i < at || i >= at + inside * out ? 0 : taps(Math.floor((i - at) / out), (i - at) % out))]
  }),
)

it("ids that become frames become the same ids again", () => {
  const grid = Vqgan.gridOf(mirror)
  const given = inputs({ p: Vqgan.specs(mirror), ids: i32("batch row col", { batch: 2, row: grid, col: grid }) }) as
    & { p: Vqgan.Parameters }
    & { ids: Vqgan.Ids }
  const frames = Vqgan.decodeIds(mirror)(given.p, given.ids)
  const again = Vqgan.encode(mirror)(given.p, frames).ids
  const p = Object.fromEntries(Object.entries(corners).map(([path, xs]) => [`p.${path}`, xs]))
  const ids = fc.array(fc.nat(mirror.codes - 1), { minLength: 2 * grid * grid, maxLength: 2 * grid * grid })
  fc.assert(
    fc.property(ids, (drawn) => {
      const got = meant({ frames, again }, { ...p, ids: drawn })
      assert.equal(got["again"], drawn)
      assert.ok(got["frames"]!.every((x) => Math.abs(Math.abs(x) - 1) < 1e-5), "frames are the corners themselves")
    }),
    { seed: 1, numRuns: 5 },
  )
})

it("frames, ids and codebooks of another model are faults that say both sizes", () => {
  const [tiny, other] = [Vqgan.presets.tiny32, Vqgan.presets.tiny64]
  const specs = {
    p: Vqgan.specs(tiny),
    q: Vqgan.specs(other),
    x: f32("batch row col channel", { batch: 1, row: 32, col: 32, channel: 3 }),
    odd: f32("batch row col channel", { batch: 1, row: 30, col: 32, channel: 3 }),
    ids: i32("batch row col", { batch: 1, row: 8, col: 8 }),
    few: i32("batch row col", { batch: 1, row: 4, col: 8 }),
  }
  const said = (f: (given: Given) => Node): string =>
    faultsOf([f(inputs(specs) as unknown as Given)]).map((wrong) => wrong.message).join("\n")
  type Given =
    & {
      readonly [key in "p" | "q"]: Vqgan.Parameters
    }
    & { readonly x: Vqgan.Frames; readonly odd: Vqgan.Frames; readonly ids: Vqgan.Ids; readonly few: Vqgan.Ids }
  assert.is(said(({ p, x }) => Vqgan.reconstruct(tiny)(p, x)), "")
  assert.match(
    said(({ p, odd }) => Vqgan.encode(tiny)(p, odd).ids),
    "frames have row 30, col 32, channel 3; the config",
  )
  assert.match(
    said(({ p, few }) => Vqgan.decodeIds(tiny)(p, few)),
    "ids have row 4, col 8; the config has row 8, col 8",
  )
  const foreign = "the codebook has code 512, embed 8; the config has code 256, embed 8: it is of another model"
  assert.match(said(({ q, x }) => Vqgan.encode(tiny)(q, x).ids), foreign)
  assert.match(said(({ q, ids }) => Vqgan.decodeIds(tiny)(q, ids)), foreign)
})

it("frames are held to -1 ... 1, and ids are row-major", () => {
  const given = inputs({ p: Vqgan.specs(mirror), ids: i32("batch row col", { batch: 1, row: 2, col: 2 }) }) as
    & { p: Vqgan.Parameters }
    & { ids: Vqgan.Ids }
  const loud = { ...corners, "decoder.last.kernel": corners["decoder.last.kernel"]!.map((x) => 5 * x) }
  const p = Object.fromEntries(Object.entries(loud).map(([path, xs]) => [`p.${path}`, xs]))
  const { frames } = meant({ frames: Vqgan.decodeIds(mirror)(given.p, given.ids) }, { ...p, ids: [0, 7, 1, 6] }) as {
    frames: ReadonlyArray<number>
  }
  assert.ok(frames.every((x) => Math.abs(x) === 1))
  const colour = (row: number, col: number): ReadonlyArray<number> =>
    frames.slice((row * 8 + col) * 3, (row * 8 + col) * 3 + 3)
  assert.equal([colour(0, 0), colour(0, 7), colour(7, 0), colour(7, 7)], [[-1, -1, -1], [1, 1, 1], [1, -1, -1], [
    -1,
    1,
    1,
  ]])
})

// ---- gradients ---------------------------------------------------------------

const c: Vqgan.VqganConfig = {
  ...{ resolution: 6, channels: 2, hidden: 4, multipliers: [1, 2], blocks: 1, latent: 3, codes: 5, embed: 2 },
  ...{ groups: 2, epsilon: 1e-3 },
}
const r: Vqgan.Recipe = {
  ...recipe,
  ...{ perceptual: 0.7, codebook: { kind: "loss", weight: 0.6 } },
  adversary: { width: 2, layers: 1, groups: 2, start: 0, weight: 0.5 },
}
const frameSpec = f32("batch row col channel", { batch: 1, row: 6, col: 6, channel: 2 })
const grid = { batch: 1, row: 3, col: 3 }
const specs = {
  p: Vqgan.specs(c),
  d: Vqgan.discriminatorSpecs(r.adversary!, 2),
  frames: frameSpec,
  ids: i32("batch row col", grid),
  codes: f32("batch row col embed", { ...grid, embed: 2 }),
  latents: f32("batch row col embed", { ...grid, embed: 2 }),
  balance: f32(),
}
interface All {
  readonly p: Vqgan.Parameters
  readonly d: Vqgan.Discriminator
  readonly frames: Vqgan.Frames
  readonly ids: Vqgan.Ids
  readonly codes: Vqgan.Latents
  readonly latents: Vqgan.Latents
  readonly balance: F32
}
const nodes = inputs(specs) as unknown as All

/** A network to see through: the frames themselves, and their squares, as features. */
const sight = (frames: Vqgan.Frames): ReadonlyArray<Features> => {
  const plain: Features = rename(frames, { channel: "feature" })
  return [plain, mul(plain, plain)]
}

/** The loss with all that gradients do not go through held fast: ids, codes, the adaptive weight. */
const held = ({ p, d, frames, ids, codes, latents, balance }: All): F32 => {
  const now = Vqgan.latentsOf(c)(p, frames)
  const made = lastOf(p.decoder.last, beforeLast(c)(p, add(now, sub(codes, latents))))
  const off = add(pixels(r)(made, frames), mul(seenFar(sight(made), sight(frames)), 0.7))
  const near = add(
    mul(commitmentLoss(now, codes), r.commitment),
    mul(codebookLoss(latents, p.codebook, ids, "code"), 0.6),
  )
  return add(add(off, near), mul(mul(unreal(judge(r.adversary!)(d, made)), balance), 0.5))
}

/** Everything about as large as it is in a training. */
const values: Numbers = Object.fromEntries(
  (flatten({
    p: Vqgan.initialise(c, hostKey(3)),
    d: Vqgan.beginDiscriminator(r.adversary!, 2, hostKey(4)),
  }) as ReadonlyArray<
    readonly [string, AnyHost]
  >).map(([path, { data }], k) => {
    const off = noise(data.length, k)
    const scale = path.startsWith("d.") && path.endsWith("kernel") ? 20 : 1
    return [path, Array.from(data as Float32Array, (x, i) => x * scale + (path === "p.codebook" ? 1 : 0.2) * off[i]!)]
  }),
)

const dotted = (x: ReadonlyArray<number>, y: ReadonlyArray<number>): number => x.reduce((s, v, i) => s + v * y[i]!, 0)

/** The part of a model that a path belongs to: `p.encoder.levels.0`, `d.first`. */
const partOf = (path: string): string => /^[^.]+\.[^.]+(\.(levels|middle)\.\d|\.(first|last|norm))?/.exec(path)![0]

/** Along a direction of each part, the slope of a function of values is that of the gradient. */
const slopes = (
  f: (moved: Numbers) => number,
  at: Numbers,
  gradient: (path: string) => ReadonlyArray<number>,
): void => {
  const paths = Object.keys(at)
  for (const part of new Set(paths.map(partOf))) {
    const own = paths.filter((path) => partOf(path) === part)
    const way = Object.fromEntries(own.map((path, k) => [path, noise(at[path]!.length, 100 + k)]))
    const moved = (by: number): Numbers =>
      Object.fromEntries(own.map((path) => [path, at[path]!.map((x, i) => x + by * way[path]![i]!)]))
    const want = own.reduce((sum, path) => sum + dotted(gradient(path), way[path]!), 0)
    const got = (f(moved(step)) - f(moved(-step))) / (2 * step)
    assert.ok(Math.abs(got - want) < 1e-4 * Math.max(0.01, Math.abs(got)), `${part}: ${want} is not the slope ${got}`)
  }
}
const step = 1e-6

it("all gradients are those of central differences, straight through the codes", () => {
  const { value, gradient } = generate(c, r, { sight, adversary: { parameters: nodes.d, on: constant(1) } })(
    nodes.p,
    nodes.frames,
  )
  const given = { ...values, frames: framesOf(c, 1).map((x, i) => x + 0.05 * Math.sin(i)) }
  const { ids, latents, heard, loss } = value
  const codes = Vqgan.nearest(latents, nodes.p.codebook).quantized
  const base = meant({ g: { p: gradient }, ids, latents, codes, balance: heard!.adaptive, loss }, given)
  assert.ok(new Set(base["ids"]).size > 1, "more than one code is chosen")
  const fixed: Numbers = { ...given, ...base }
  const plain = held(nodes)
  const lossAt = (moved: Numbers): number => meant({ loss: plain }, { ...fixed, ...moved })["loss"]![0]!
  assert.ok(Math.abs(lossAt({}) - base["loss"]![0]!) < 1e-9, `${lossAt({})} is not the loss ${base["loss"]}`)
  const own = Object.fromEntries(Object.entries(values).filter(([path]) => path.startsWith("p.")))
  slopes(lossAt, own, (path) => base[`g.${path}`]!)
  assert.ok(base["g.p.codebook"]!.some((g) => g !== 0), "the codes have a loss")
})

it("the discriminator's gradients are those of central differences", () => {
  const { frames, d } = nodes
  const other = mul(frames, -0.5)
  const f = (own: Vqgan.Discriminator): F32 => hinge(judge(r.adversary!)(own, frames), judge(r.adversary!)(own, other))
  const given = { ...values, frames: framesOf(c, 1).map((x, i) => x + 0.3 * Math.sin(7 * i)) }
  const base = meant({ g: { d: grad(f)(d) } }, given)
  const loss = f(d)
  const own = Object.fromEntries(Object.entries(values).filter(([path]) => path.startsWith("d.")))
  slopes((moved) => meant({ loss }, { ...given, ...moved })["loss"]![0]!, own, (path) => base[`g.${path}`]!)
})

// ---- losses ------------------------------------------------------------------

it("the adaptive weight is the ratio of the last kernel's gradients, as loops have it", () => {
  const [side, inside, out] = [4, 3, 2]
  const spec = {
    last: {
      kernel: f32("drow dcol in feature", { drow: 3, dcol: 3, in: inside, feature: out }),
      bias: f32("feature", { feature: out }),
    },
    before: f32("batch row col feature", { batch: 2, row: side, col: side, feature: inside }),
    ...{ reconstruction: f32("batch row col channel", { batch: 2, row: side, col: side, channel: out }) },
    ...{ adversarial: f32("batch row col channel", { batch: 2, row: side, col: side, channel: out }) },
  }
  const { last, before, ...pulls } = inputs(spec)
  const given: Numbers = {
    ...{
      "last.kernel": noise(9 * inside * out, 1),
      "last.bias": noise(out, 2),
      before: noise(2 * side * side * inside, 3),
    },
    ...{ reconstruction: noise(2 * side * side * out, 4), adversarial: noise(2 * side * side * out, 5) },
  }
  const length = (pull: ReadonlyArray<number>): number => {
    let total = 0
    for (let u = -1; u <= 1; u++) {
      for (let v = -1; v <= 1; v++) {
        for (let i = 0; i < inside; i++) {
          for (let o = 0; o < out; o++) {
            let g = 0
            for (let b = 0; b < 2; b++) {
              for (let y = 0; y < side; y++) {
                for (let x = 0; x < side; x++) {
                  const [row, col] = [y + u, x + v]
                  if (row < 0 || col < 0 || row >= side || col >= side) continue
                  g += given["before"]![((b * side + row) * side + col) * inside + i]! *
                    pull[((b * side + y) * side + x) * out + o]!
                }
              }
            }
            total += g * g
          }
        }
      }
    }
    return Math.sqrt(total)
  }
  const want = length(given["reconstruction"]!) / (length(given["adversarial"]!) + 1e-4)
  const got = (most: number): number => meant({ w: adaptive(last, before, pulls, most) }, given)["w"]![0]!
  assert.ok(Math.abs(got(1e4) - want) < 1e-6 * want, `${got(1e4)} is not ${want}`)
  assert.is(got(want / 2), want / 2)
})

it("hinge losses count what is not yet beyond 1", () => {
  const of = f32("batch row col", { batch: 1, row: 1, col: 4 })
  const { real, made } = inputs({ real: of, made: of })
  const got = meant({ d: hinge(real, made), g: unreal(made) }, { real: [2, 1, 0, -1], made: [-2, -1, 0, 3] })
  assert.equal(got, { d: [((0 + 0 + 1 + 2) / 4 + (0 + 0 + 1 + 4) / 4) / 2], g: [0] })
})

it("what networks see is the distance of directions: 0 of the same, 2 of features at right angles", () => {
  const of = f32("batch row col feature", { batch: 1, row: 1, col: 2, feature: 2 })
  const { x, y } = inputs({ x: of, y: of })
  const got = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number =>
    meant({ d: seenFar([x], [y]) }, { x: a, y: b })["d"]![0]!
  assert.ok(Math.abs(got([1, 2, 3, 4], [2, 4, 30, 40])) < 1e-9)
  assert.ok(Math.abs(got([1, 0, 0, 5], [0, 3, 0, 1]) - 1) < 1e-6, "one of two places is at right angles")
})

it.run()
