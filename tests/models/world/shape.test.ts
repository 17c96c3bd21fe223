/** What a world model is made of: its numbers, its parameters, how a text model grows into it, and its files. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../../core/random/host.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import type { AnySpec } from "../../../core/tensor/spec.ts"
import { flatten } from "../../../core/tensor/tree.ts"
import { fromForeign as textFromForeign } from "../../../models/llama/config.ts"
import { fromHuggingFace as textFromHuggingFace } from "../../../models/llama/names.ts"
import { deviation, type Hosts, initialise as initialiseText } from "../../../models/llama/parameters.ts"
import { presets as textPresets } from "../../../models/llama/presets.ts"
import {
  config,
  decodeConfig,
  fromForeign,
  parameterCount,
  toForeign,
  type WorldConfig,
} from "../../../models/world/config.ts"
import { eofOf, eovOf } from "../../../models/world/layout.ts"
import { fromHuggingFace, fromLwm, huggingFaceNames, toHuggingFace, toLwm } from "../../../models/world/names.ts"
import { grow, initialise, inputsAt, type Parameters, specs, textOf } from "../../../models/world/parameters.ts"
import { presets } from "../../../models/world/presets.ts"
import { config as tiny } from "./model.ts"

const it = suite("models/world: shape")

const values = (p: Hosts<Parameters>) => flatten(p) as unknown as ReadonlyArray<readonly [string, AnyHost]>

it("has LWM's sizes, exactly", () => {
  const counts = {
    debug: 21_628_160,
    "200m": 229_667_840,
    "1b": 1_278_830_592,
    "3b": 3_480_540_800,
    "7b": 6_807_621_632,
    "13b": 13_102_371_840,
    "30b": 32_641_403_392,
    "65b": 65_424_072_704,
  } as const
  for (const [name, count] of Object.entries(counts) as ReadonlyArray<[keyof typeof counts, number]>) {
    const c = presets[name]
    assert.is(parameterCount(c), count, name)
    assert.is(parameterCount({ ...c, tie: true }), count - 8448 * c.model)
    assert.equal(config(c), E.right(c))
    const { codes, vision, ...text } = c
    assert.equal([codes, vision, eofOf(c), eovOf(c)], [8192, 8448, 8192, 8193])
    assert.equal(text, textPresets[name])
  }
})

it("has as many parameters as it says, tied or not, and the optimiser knows each matrix", () => {
  for (const c of [tiny, { ...tiny, tie: true }]) {
    const leaves = flatten(specs(c)) as unknown as ReadonlyArray<readonly [string, AnySpec]>
    assert.is(
      leaves.reduce((n, [, { shape }]) => n + shape.reduce((a: number, b: number) => a * b, 1), 0),
      parameterCount(c),
    )
    for (const [path, { axes }] of leaves) assert.is(inputsAt(path) > 0, axes.length > 1, path)
  }
  assert.equal(["average.visionHead", "visionEmbedding"].map(inputsAt), [1, 1])
})

it("refuses numbers that cannot be, one fault each, with what to give", () => {
  const faults = (c: WorldConfig): ReadonlyArray<string> => {
    const e = config(c)
    return E.isLeft(e) ? e.left.map((f) => f.message) : []
  }
  assert.equal(faults(tiny), [])
  assert.equal(faults({ ...tiny, vision: tiny.codes + 1, head: 3 }).length, 2)
  assert.match(faults({ ...tiny, codes: 100, vision: 101 })[0]!, "need 102 ids; 356 is the rule")
  assert.match(faults({ ...tiny, codes: 0.5 })[0]!, "codes is 0.5; expected a positive whole number")
  assert.equal(decodeConfig(JSON.parse(JSON.stringify(tiny))), E.right(tiny))
  assert.equal(decodeConfig({ ...tiny, tie: true, more: 1 }), E.right({ ...tiny, tie: true }))
  const bad = decodeConfig({ ...tiny, codes: "many" })
  assert.match(E.isLeft(bad) ? bad.left[0]!.message : "", /codes: expected positive integer, got "many"/)
  assert.is(E.isLeft(decodeConfig({ ...tiny, vision: tiny.codes })), true)
})

it("config.json goes out and in, and a reader of texts finds its Llama there", () => {
  for (const c of [tiny, { ...tiny, tie: true }]) assert.equal(fromForeign(toForeign(c)), E.right(c))
  const { codes: _, vision: __, ...text } = tiny
  assert.equal(textFromForeign(toForeign(tiny)), E.right(text))
  const { vision_codes: ___, ...without } = toForeign(tiny)
  const missing = fromForeign(without)
  assert.match(E.isLeft(missing) ? missing.left[0]!.message : "", "vision_codes")
})

it("grows out of a text model, which stays as it is to the bit", () => {
  const text = initialiseText(tiny, hostKey(3))
  const grown = grow(tiny, text, hostKey(4))
  assert.equal(textOf(grown), text)
  assert.equal(grown, grow(tiny, text, hostKey(4)))
  assert.equal(initialise(tiny, hostKey(3)), grow(tiny, text, hostKey(3)))
  const [embedding, head] = [grown.visionEmbedding, grown.visionHead!]
  assert.equal([embedding.shape, head.shape], [[tiny.vision, tiny.model], [tiny.model, tiny.vision]])
  for (const h of [embedding, head]) {
    const data: ReadonlyArray<number> = Array.from(h.data)
    const root = Math.sqrt(data.reduce((a, b) => a + b * b, 0) / data.length)
    assert.ok(Math.abs(root / deviation - 1) < 5 / Math.sqrt(2 * data.length), `deviation ${root}`)
  }
  const firsts = values(initialise(tiny, hostKey(3))).filter(([, h]) => h.axes.length > 1).map(([, h]) => h.data[0])
  assert.is(new Set(firsts).size, firsts.length, "no two parameters draw the same numbers")
  assert.is(grow({ ...tiny, tie: true }, text, hostKey(4)).visionHead, undefined)
})

it("goes to files and comes back: safetensors, in which a text model lies, and LWM's names", () => {
  for (const c of [tiny, { ...tiny, tie: true }]) {
    const p = initialise(c, hostKey(1))
    const out = toHuggingFace(c, p)
    assert.equal(new Set(out.map((x) => x.name)), huggingFaceNames(c))
    assert.equal(fromHuggingFace(c, out), E.right(p))
    assert.equal(textFromHuggingFace(c, out), E.right(textOf(p)))
    assert.equal(fromLwm(c, toLwm(c, p)), E.right(p))
  }
  const p = initialise(tiny, hostKey(1))
  const head = toHuggingFace(tiny, p).find((x) => x.name === "vision_head.weight")!
  assert.equal(head.shape, [tiny.vision, tiny.model])
  assert.is(head.data[3 * tiny.model + 2], p.visionHead!.data[2 * tiny.vision + 3])
})

it("has LWM's names and shapes, layers one after another in one tensor", () => {
  const p = initialise(tiny, hostKey(1))
  const out = new Map(toLwm(tiny, p).map((x) => [x.name, x]))
  const { layers, model, hidden, groups, share, head } = tiny
  const shapes: { readonly [name: string]: ReadonlyArray<number> } = {
    "transformer/wte/embedding": [tiny.vocab, model],
    "transformer/vte/embedding": [tiny.vision, model],
    "transformer/h/scan_decoder/attention/wq/kernel": [layers, model, groups * share * head],
    "transformer/h/scan_decoder/attention/wk/kernel": [layers, model, groups * head],
    "transformer/h/scan_decoder/attention/wv/kernel": [layers, model, groups * head],
    "transformer/h/scan_decoder/attention/wo/kernel": [layers, groups * share * head, model],
    "transformer/h/scan_decoder/feed_forward/w1/kernel": [layers, model, hidden],
    "transformer/h/scan_decoder/feed_forward/w2/kernel": [layers, hidden, model],
    "transformer/h/scan_decoder/feed_forward/w3/kernel": [layers, model, hidden],
    "transformer/h/scan_decoder/attention_norm/kernel": [layers, model],
    "transformer/h/scan_decoder/ffn_norm/kernel": [layers, model],
    "transformer/ln_f/kernel": [model],
    "lm_head/kernel": [model, tiny.vocab],
    "vision_head/kernel": [model, tiny.vision],
  }
  assert.equal(new Set(out.keys()), new Set(Object.keys(shapes)))
  for (const [name, shape] of Object.entries(shapes)) assert.equal(out.get(name)!.shape, shape, name)
  const up = out.get("transformer/h/scan_decoder/feed_forward/w3/kernel")!
  assert.is(up.data[model * hidden + 5], p.blocks[1]!.up.data[5])
})

it("names what a file lacks, and what is of another size", () => {
  const p = initialise(tiny, hostKey(1))
  const faults = (e: ReturnType<typeof fromLwm>): ReadonlyArray<string> =>
    E.isLeft(e) ? e.left.map((f) => f.message) : []
  const files = [[toHuggingFace(tiny, p), fromHuggingFace, /vision_?[eh]/], [toLwm(tiny, p), fromLwm, /vte/]] as const
  for (const [file, read, name] of files) {
    const without = faults(read(tiny, file.filter((x) => !name.test(x.name))))
    assert.ok(without.length > 0)
    assert.match(without[0]!, "the file has no tensor")
    assert.match(faults(read({ ...tiny, vision: tiny.vision + 1 }, file))[0]!, /expected \[\d+, \d+\], got/)
  }
})

it.run()
