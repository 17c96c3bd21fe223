/**
 * What a Llama is made of, in numbers. The codec reads and writes `config.json` as Hugging Face's readers know it, and
 * refuses numbers that do not fit each other.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, type FileFault, fileFault, finite, positive } from "../../core/files/codec.ts"

/** The numbers of one model. */
export interface Config {
  /** Tokens there are. */
  readonly vocab: number
  /** Size of the stream between the blocks. */
  readonly model: number
  /** Size inside the feed-forward part. */
  readonly hidden: number
  readonly layers: number
  /** Heads of keys and values. */
  readonly groups: number
  /** Heads of queries that share a head of keys and values; 1 is plain multi-head attention. */
  readonly share: number
  /** Size of a head; even, as rotary positions turn pairs. */
  readonly head: number
  /** Base of the rotary wavelengths. */
  readonly theta: number
  /** Added to the mean square before its root. */
  readonly epsilon: number
  /** Longest sequence it is meant for, in tokens. */
  readonly context: number
}

/** What must hold between the numbers, and what to say when it does not. */
const rules: ReadonlyArray<readonly [keyof Config, (c: Config) => boolean, string]> = [
  ["vocab", (c) => positive.is(c.vocab), "expected a positive whole number"],
  ["model", (c) => positive.is(c.model), "expected a positive whole number"],
  ["hidden", (c) => positive.is(c.hidden), "expected a positive whole number"],
  ["layers", (c) => positive.is(c.layers), "expected a positive whole number"],
  ["groups", (c) => positive.is(c.groups), "expected a positive whole number"],
  ["share", (c) => positive.is(c.share), "query heads must be a whole multiple of the heads of keys and values"],
  ["head", (c) => positive.is(c.head) && c.head % 2 === 0, "expected an even number: rotary positions turn pairs"],
  ["theta", (c) => Number.isFinite(c.theta) && c.theta > 1, "expected a number above 1, 10000 as a rule"],
  ["epsilon", (c) => Number.isFinite(c.epsilon) && c.epsilon > 0, "expected a number above 0, 1e-6 as a rule"],
  ["context", (c) => positive.is(c.context), "expected a positive whole number"],
]

/** All rules that a config breaks. */
export const configFaults = (c: Config): ReadonlyArray<FileFault> =>
  rules.filter(([, holds]) => !holds(c)).map(([key, , say]) =>
    fileFault("value", key, `config: ${key} is ${c[key]}; ${say}`)
  )

/** The config itself where it keeps all rules. */
export const config = (c: Config): E.Either<ReadonlyArray<FileFault>, Config> => {
  const faults = configFaults(c)
  return faults.length > 0 ? E.left(faults) : E.right(c)
}

/** Number of values that are learned. */
export const parameterCount = ({ vocab, model, hidden, layers, groups, share, head }: Config): number =>
  2 * vocab * model + model + layers * (2 * model + model * head * groups * (2 * share + 2) + 3 * model * hidden)

// ---- config.json -------------------------------------------------------------

interface Foreign {
  readonly vocab_size: number
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly num_key_value_heads?: number
  readonly head_dim?: number
  readonly max_position_embeddings: number
  readonly rms_norm_eps: number
  readonly rope_theta?: number
}

const Foreign: t.Type<Foreign, unknown> = t.intersection([
  t.type({
    vocab_size: positive,
    hidden_size: positive,
    intermediate_size: positive,
    num_hidden_layers: positive,
    num_attention_heads: positive,
    max_position_embeddings: positive,
    rms_norm_eps: finite,
  }),
  t.partial({ num_key_value_heads: positive, head_dim: positive, rope_theta: finite }),
]) as t.Type<Foreign, unknown>

/** Reads a `config.json` that is parsed already. */
export const fromForeign = (json: unknown): E.Either<ReadonlyArray<FileFault>, Config> =>
  E.flatMap((f: Foreign) => {
    const groups = f.num_key_value_heads ?? f.num_attention_heads
    return config({
      vocab: f.vocab_size,
      model: f.hidden_size,
      hidden: f.intermediate_size,
      layers: f.num_hidden_layers,
      groups,
      share: f.num_attention_heads / groups,
      head: f.head_dim ?? f.hidden_size / f.num_attention_heads,
      theta: f.rope_theta ?? 10_000,
      epsilon: f.rms_norm_eps,
      context: f.max_position_embeddings,
    })
  })(decodeValue(Foreign, json))

/** The value of a `config.json` that Hugging Face's readers take for a Llama. */
export const toForeign = (c: Config): { readonly [key: string]: unknown } => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: c.vocab,
  hidden_size: c.model,
  intermediate_size: c.hidden,
  num_hidden_layers: c.layers,
  num_attention_heads: c.groups * c.share,
  num_key_value_heads: c.groups,
  head_dim: c.head,
  max_position_embeddings: c.context,
  rms_norm_eps: c.epsilon,
  rope_theta: c.theta,
  hidden_act: "silu",
  tie_word_embeddings: false,
  attention_bias: false,
  mlp_bias: false,
  torch_dtype: "float32",
})
