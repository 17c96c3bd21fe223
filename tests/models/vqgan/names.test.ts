/** The names that LWM's file has, and the way there and back through safetensors. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as Safetensors from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import * as Vqgan from "../../../models/vqgan/mod.ts"
import { config } from "./small.ts"

const it = suite("models/vqgan/names")

it("they are flax's", () => {
  const names = Vqgan.lwmNames(Vqgan.presets.lwm)
  const wanted: { readonly [name: string]: string } = {
    "quantize/embeddings": "codebook",
    "quant_conv/kernel": "quant.kernel",
    "post_quant_conv/bias": "postQuant.bias",
    "encoder/Conv_0/kernel": "encoder.first.kernel",
    "encoder/DownsamplingBlock_3/ResnetBlock_0/Conv_2/kernel": "encoder.levels.3.blocks.0.shortcut.kernel",
    "encoder/DownsamplingBlock_3/Downsample_0/Conv_0/bias": "encoder.levels.3.resample.bias",
    "encoder/MidBlock_0/ResnetBlock_1/GroupNorm_1/scale": "encoder.middle.1.norm2.scale",
    "encoder/GroupNorm_0/bias": "encoder.norm.bias",
    "encoder/Conv_1/kernel": "encoder.last.kernel",
    "decoder/UpsamplingBlock_0/Upsample_0/Conv_0/kernel": "decoder.levels.0.resample.kernel",
    "decoder/UpsamplingBlock_4/ResnetBlock_2/Conv_1/kernel": "decoder.levels.4.blocks.2.conv2.kernel",
  }
  for (const [name, path] of Object.entries(wanted)) assert.is(names.get(name), path)
  // the last level of either half keeps its size
  assert.not.ok([...names.keys()].some((n) => /DownsamplingBlock_4\/Down|UpsamplingBlock_4\/Up/.test(n)))
  assert.equal([...names.values()], [...new Set(names.values())])
  assert.is([...names.keys()].length, new Set(names.keys()).size)
})

it("a file that is written is read again to the bit, with or without 'params'", () => {
  const begun = Vqgan.initialise(config, hostKey(5))
  const bytes = Safetensors.encode(Vqgan.toLwm(begun), new Map())
  if (E.isLeft(bytes)) throw new Error(JSON.stringify(bytes.left))
  const file = Safetensors.decode(bytes.right)
  if (E.isLeft(file)) throw new Error(JSON.stringify(file.left))
  const { tensors } = file.right
  assert.equal(Vqgan.fromLwm(config, tensors), E.right(begun))
  const under = tensors.map((x) => ({ ...x, name: `params/${x.name}` }))
  assert.equal(Vqgan.fromLwm(config, under), E.right(begun))
})

it("what is missing, of another size or too much is named", () => {
  const tensors = Vqgan.toLwm(Vqgan.initialise(config, hostKey(5)))
  const said = (xs: typeof tensors): string => {
    const read = Vqgan.fromLwm(config, xs)
    return E.isLeft(read) ? read.left.map((f) => f.message).join("\n") : "nothing"
  }
  assert.match(said(tensors.slice(1)), new RegExp(`no tensor '${tensors[0]!.name}'`))
  assert.match(said(tensors.map((x, i) => i === 2 ? { ...x, shape: [1], data: Float32Array.of(1) } : x)), /got \[1\]/)
  assert.match(said([...tensors, { ...tensors[0]!, name: "decoder/AttnBlock_0/q" }]), /AttnBlock_0\/q' has no place/)
})

it.run()
