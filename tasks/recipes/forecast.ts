/**
 * What the compiler forecasts of a stack of many layers, from stacks of two and of three. Layers are alike, so bytes and
 * operations grow by the same amount with each: 32 layers of LWM's 7B on its 128K mesh come out as they do when all of them
 * are compiled (138,631,497,236 bytes a rank), in a second instead of twenty.
 * @module
 */
import { either as E } from "fp-ts"
import type { Faults } from "../../core/graph/fault.ts"
import type { Expectation } from "../stage/stage.ts"
import { expectation, stepDigest, type Stepping } from "../train/step.ts"

const few = 3

const withLayers = (s: Stepping, layers: number): Stepping => ({ ...s, config: { ...s.config, layers } })

/** The value at `layers` of what is so at two and so at three. */
const extended = (two: number, three: number, layers: number): number => two + (layers - 2) * (three - two)

/** `expectation`, for any number of layers. Faults: what does not compile. */
export const stackedExpectation = (s: Stepping): E.Either<Faults, Expectation> => {
  const { layers } = s.config
  if (layers <= few) return expectation(s)
  return E.flatMap((two: Expectation) =>
    E.map((three: Expectation): Expectation => ({
      ...three,
      ...(two.flops === undefined || three.flops === undefined
        ? {}
        : { flops: extended(two.flops, three.flops, layers) }),
      ...(two.memory === undefined || three.memory === undefined
        ? {}
        : { memory: extended(two.memory, three.memory, layers) }),
    }))(expectation(withLayers(s, 3)))
  )(expectation(withLayers(s, 2)))
}

/** Digests of the graphs that tell all of the stack: those of two layers and of three. How many there are, settings say. */
export const stackedDigests = (s: Stepping): E.Either<Faults, ReadonlyArray<string>> =>
  s.config.layers <= few
    ? E.map((x: string) => [x])(stepDigest(s))
    : E.flatMap((two: string) => E.map((three: string) => [two, three])(stepDigest(withLayers(s, 3))))(
      stepDigest(withLayers(s, 2)),
    )
