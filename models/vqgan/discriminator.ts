/**
 * The patch discriminator (Isola et al., 2017, as taming-transformers has it): convolutions of 4 x 4 that say of every
 * patch of a frame how real it looks. Between them stands group norm, not the original's batch norm: it needs no running
 * statistics, and what is said of a frame does not depend on the others of its batch.
 * @module
 */
import { type HostKey, hostNormal } from "../../core/random/host.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { maximum, mul } from "../../ops/elementwise.ts"
import { rename } from "../../ops/movement.ts"
import { sum } from "../../ops/reduction.ts"
import { conv, type Features, norm, type Way } from "./layers.ts"
import type { Frames } from "./model.ts"
import { begun, type Conv, convSpecs, type Hosts, type Norm, normSpecs, type Specs } from "./parameters.ts"

/** The sizes of a discriminator. */
export interface Patches {
  /** Features after the first convolution; each further one has twice as many, up to eight times as many. */
  readonly width: number
  /** Convolutions that halve rows and columns: 3 in taming, which sees patches of 70 pixels; 2 for small frames. */
  readonly layers: number
  /** Groups of its norms. */
  readonly groups: number
}

/** A convolution that is normalised. */
export interface NormedConv {
  readonly conv: Conv
  readonly norm: Norm
}

/** What a discriminator learns. */
export interface Discriminator {
  readonly first: Conv
  readonly middle: ReadonlyArray<NormedConv>
  readonly last: Conv
}

/** How real each patch looks: above 0 for real. */
export type Realness = F32<"batch row col">

/** Features after each convolution but the last. */
export const patchWidths = ({ width, layers }: Patches): ReadonlyArray<number> =>
  Array.from({ length: layers + 1 }, (_, i) => width * Math.min(2 ** i, 8))

/** Axes and sizes of every parameter, for frames of so many colours. */
export const discriminatorSpecs = (of: Patches, channels: number): Specs<Discriminator> => {
  const wide = patchWidths(of)
  return {
    first: convSpecs(4, channels, wide[0]!),
    middle: wide.slice(1).map((out, i) => ({ conv: convSpecs(4, wide[i]!, out), norm: normSpecs(out) })),
    last: convSpecs(4, wide.at(-1)!, 1),
  }
}

/** Taming's beginning: kernels normal with deviation 0.02, biases 0, norms 1. */
export const beginDiscriminator = (of: Patches, channels: number, key: HostKey): Hosts<Discriminator> =>
  begun(discriminatorSpecs(of, channels), key, {
    kernel: (own, spec) => Float64Array.from(hostNormal(own, spec).data as Float32Array, (x) => 0.02 * x),
  }) as Hosts<Discriminator>

const leaky = (x: Features): Features => maximum(x, mul(x, 0.2))

const halving: Way = { stride: 2, padding: [1, 1] }
const keeping: Way = { stride: 1, padding: [1, 1] }

/** How real each patch of frames looks. */
export const judge = (of: Patches) => (p: Discriminator, frames: Frames): Realness => {
  const first = leaky(conv(p.first, rename(frames, { channel: "feature" }), halving))
  const deep = p.middle.reduce((x, own, i) => {
    const wide = conv(own.conv, x, i === p.middle.length - 1 ? keeping : halving)
    return leaky(norm({ groups: of.groups, epsilon: 1e-5 }, own.norm, wide))
  }, first)
  return sum(conv(p.last, deep, keeping), "feature")
}
