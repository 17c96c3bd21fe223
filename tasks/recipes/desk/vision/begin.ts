/**
 * How the world model begins to see: the text model's parameters as they are, and beside them an embedding and a head of the
 * codes which begin with what the eyes know of them. Codes that stand for like pictures have like embeddings, so what is
 * learned of one code holds for its neighbours; drawn at random, each of 512 codes would have to be learned by itself.
 * @module
 */
import { hostFold, hostKey, hostNormal } from "../../../../core/random/host.ts"
import { f32 } from "../../../../core/tensor/spec.ts"
import type { Hosts } from "../../../../models/learn/tree.ts"
import type { Parameters as TextParameters } from "../../../../models/llama/parameters.ts"
import { grow, type Parameters, type WorldConfig } from "../../../../models/world/mod.ts"

/** Length of an embedding's numbers: as long as those of words have become. */
const length = 0.1

/** A codebook by rows. */
export interface Codebook {
  readonly codes: number
  readonly embed: number
  readonly data: ArrayLike<number>
}

/** Codes with mean 0 and mean square 1. */
const standard = ({ codes, embed, data }: Codebook): Float64Array => {
  const mean = Float64Array.from({ length: embed }, (_, e) => {
    let sum = 0
    for (let k = 0; k < codes; k++) sum += data[k * embed + e]!
    return sum / codes
  })
  const centred = Float64Array.from({ length: codes * embed }, (_, i) => data[i]! - mean[i % embed]!)
  const square = centred.reduce((sum, x) => sum + x * x, 0) / centred.length
  return centred.map((x) => x / Math.sqrt(Math.max(square, 1e-12)))
}

/** The text model, grown: embeddings of codes are random directions of what the codebook says of them. */
export const seeing = (
  c: WorldConfig,
  text: Hosts<TextParameters>,
  book: Codebook,
  seed: number,
): Hosts<Parameters> => {
  const key = hostKey(seed)
  const drawn = grow(c, text, key)
  const { embed } = book
  const directions = hostNormal(hostFold(key, 1), f32("embed model", { embed, model: c.model })).data
  const codes = standard(book)
  const data = Float32Array.from(drawn.visionEmbedding.data)
  for (let k = 0; k < book.codes; k++) {
    for (let m = 0; m < c.model; m++) {
      let sum = 0
      for (let e = 0; e < embed; e++) sum += codes[k * embed + e]! * directions[e * c.model + m]!
      data[k * c.model + m] = length * sum / Math.sqrt(embed)
    }
  }
  return { ...drawn, visionEmbedding: { ...drawn.visionEmbedding, data } }
}
