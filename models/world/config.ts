/**
 * What a world model is made of, in numbers: a Llama's and those of its second vocabulary, the codes of frames and what
 * ends them. LWM's is 8192 codes and 256 ids more, of which the first two are used.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, type FileFault, fileFault, finite, positive } from "../../core/files/codec.ts"
import {
  type Config,
  configFaults as textFaults,
  fromForeign as textFromForeign,
  parameterCount as textCount,
  toForeign as textToForeign,
} from "../llama/config.ts"

/** The numbers of one model. */
export interface WorldConfig extends Config {
  /** Codes of the codebook that frames are made of: ids 0 ... codes - 1. */
  readonly codes: number
  /** Ids of the vision vocabulary: the codes, what ends a frame and a video, and what a round number leaves over. */
  readonly vision: number
  /** The vision head is the vision embedding, and no parameter of its own; false. */
  readonly tie?: boolean
}

/** What must hold between the numbers of the second vocabulary, and what to say when it does not. */
const rules: ReadonlyArray<readonly [keyof WorldConfig, (c: WorldConfig) => boolean, (c: WorldConfig) => string]> = [
  ["codes", (c) => positive.is(c.codes), () => "expected a positive whole number, that of the codebook"],
  [
    "vision",
    (c) => positive.is(c.vision) && c.vision >= c.codes + 2,
    (c) => `the codes and what ends a frame and a video need ${c.codes + 2} ids; ${c.codes + 256} is the rule`,
  ],
  ["tie", (c) => c.tie === undefined || typeof c.tie === "boolean", () => "expected true or false"],
]

/** All rules that a config breaks. */
export const configFaults = (c: WorldConfig): ReadonlyArray<FileFault> => [
  ...textFaults(c),
  ...rules.filter(([, holds]) => !holds(c)).map(([key, , say]) =>
    fileFault("value", key, `config: ${key} is ${c[key]}; ${say(c)}`)
  ),
]

/** The config itself where it keeps all rules. */
export const config = (c: WorldConfig): E.Either<ReadonlyArray<FileFault>, WorldConfig> => {
  const faults = configFaults(c)
  return faults.length > 0 ? E.left(faults) : E.right(c)
}

/** Number of values that are learned. */
export const parameterCount = (c: WorldConfig): number => textCount(c) + (c.tie ? 1 : 2) * c.vision * c.model

// ---- codec -------------------------------------------------------------------

/** The codec of configs; what their numbers must not say together, `configFaults` finds. */
export const WorldConfig: t.Type<WorldConfig, unknown> = t.exact(t.intersection([
  t.type({
    ...{ vocab: positive, model: positive, hidden: positive, layers: positive, groups: positive, share: positive },
    ...{ head: positive, theta: finite, epsilon: finite, context: positive, codes: positive, vision: positive },
  }),
  t.partial({ tie: t.boolean }),
])) as unknown as t.Type<WorldConfig, unknown>

/** A config out of a value that was read, where it keeps all rules. */
export const decodeConfig = (value: unknown): E.Either<ReadonlyArray<FileFault>, WorldConfig> =>
  E.flatMap(config)(decodeValue(WorldConfig, value))

// ---- config.json -------------------------------------------------------------

const Foreign = t.intersection([
  t.type({ vision_vocab_size: positive, vision_codes: positive }),
  t.partial({ tie_vision_embeddings: t.boolean }),
])

/** Reads a `config.json` that is parsed already. */
export const fromForeign = (json: unknown): E.Either<ReadonlyArray<FileFault>, WorldConfig> =>
  E.flatMap((text: Config) =>
    E.flatMap((f: t.TypeOf<typeof Foreign>) =>
      config({
        ...text,
        codes: f.vision_codes,
        vision: f.vision_vocab_size,
        ...(f.tie_vision_embeddings === true ? { tie: true } : {}),
      })
    )(decodeValue(Foreign as t.Type<t.TypeOf<typeof Foreign>, unknown>, json))
  )(textFromForeign(json))

/** The value of a `config.json`: a Llama's, which a reader of texts understands, and what is seen beside it. */
export const toForeign = (c: WorldConfig): { readonly [key: string]: unknown } => ({
  ...textToForeign(c),
  architectures: ["LargeWorldModel"],
  model_type: "lwm",
  vision_vocab_size: c.vision,
  vision_codes: c.codes,
  tie_vision_embeddings: c.tie === true,
})
