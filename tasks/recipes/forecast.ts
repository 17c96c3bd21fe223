/**
 * What the compiler forecasts of a stack of many layers, from stacks of two and of three. Layers are alike, so bytes and
 * operations grow by the same amount with each: 32 layers of LWM's 7B on its 128K mesh come out as they do when all of them
 * are compiled (138,631,497,236 bytes a rank), in a second instead of twenty.
 * @module
 */
import { either as E } from "fp-ts"
import type { Faults } from "../../core/graph/fault.ts"
import type { Expectation } from "../stage/stage.ts"
import { digestOf, expected, type Expecting } from "../train/learner.ts"
import { expecting, type Stepping } from "../train/step.ts"

/** A step of a model of so many layers; what it takes is asked of few of them. */
export interface Stack {
  readonly layers: number
  readonly of: (layers: number) => Expecting
}

const few = 3

/** A Llama's. */
const stackOf = (s: Stepping): Stack => ({
  layers: s.config.layers,
  of: (layers) => expecting({ ...s, config: { ...s.config, layers } }),
})

/** The value at `layers` of what is so at two and so at three. */
const extended = (two: number, three: number, layers: number): number => two + (layers - 2) * (three - two)

/** `expected`, for any number of layers. Faults: what does not compile. */
export const forecast = ({ layers, of }: Stack): E.Either<Faults, Expectation> => {
  if (layers <= few) return expected(of(layers))
  return E.flatMap((two: Expectation) =>
    E.map((three: Expectation): Expectation => ({
      ...three,
      ...(two.flops === undefined || three.flops === undefined
        ? {}
        : { flops: extended(two.flops, three.flops, layers) }),
      ...(two.memory === undefined || three.memory === undefined
        ? {}
        : { memory: extended(two.memory, three.memory, layers) }),
    }))(expected(of(3)))
  )(expected(of(2)))
}

/** Digests of the graphs that tell all of the stack: those of two layers and of three. How many there are, settings say. */
export const fewDigests = ({ layers, of }: Stack): E.Either<Faults, ReadonlyArray<string>> =>
  layers <= few
    ? E.map((x: string) => [x])(digestOf(of(layers)))
    : E.flatMap((two: string) => E.map((three: string) => [two, three])(digestOf(of(3))))(digestOf(of(2)))

/** The forecast of a Llama's training. */
export const stackedExpectation = (s: Stepping): E.Either<Faults, Expectation> => forecast(stackOf(s))

/** Digests of a Llama's training. */
export const stackedDigests = (s: Stepping): E.Either<Faults, ReadonlyArray<string>> => fewDigests(stackOf(s))
