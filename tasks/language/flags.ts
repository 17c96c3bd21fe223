/**
 * The command line of `deno task chat`: flags in, what is wanted or one sentence out.
 * @module
 */
import { either as E } from "fp-ts"
import type { Storage } from "../../ops/cache.ts"
import { shared } from "../command/around.ts"
import { type Command, count, type Flag, number, oneOf, text, texts, type Values, yes } from "../command/flags.ts"
import type { Sampling } from "./language.ts"
import { greedy, samplingFaults } from "./sampling.ts"

// ---- types -------------------------------------------------------------------

/** What may be said. */
export type ChatFlags = {
  readonly model: Flag<string>
  readonly stage: Flag<string>
  readonly root: Flag<string>
  readonly from: Flag<string>
  readonly tokenizer: Flag<string>
  readonly context: Flag<ReadonlyArray<string>>
  readonly prompt: Flag<string>
  readonly system: Flag<string>
  readonly plain: Flag<true>
  readonly greedy: Flag<true>
  readonly temperature: Flag<number>
  readonly "top-k": Flag<number>
  readonly "top-p": Flag<number>
  readonly seed: Flag<number>
  readonly "max-tokens": Flag<number>
  readonly cache: Flag<"f32" | "f16" | "int8">
  readonly memory: Flag<number>
  readonly device: typeof shared["device"]
}

/** What was said of it. */
export type Said = Values<ChatFlags>

/** What is wanted. What is undefined was not said. */
export interface Wanted {
  readonly said: Said
  readonly context: ReadonlyArray<string>
  readonly sampling: Sampling
  /** Tokens of an answer at most. */
  readonly limit: number
  readonly storage: Storage
  /** Bytes for the cache. */
  readonly memory: number | undefined
}

// ---- the command ---------------------------------------------------------------

/** What may be asked of it. */
export const command: Command<ChatFlags> = {
  call: "deno task chat [flags]",
  about: "Talks with a model in the terminal.",
  names: 0,
  flags: {
    model: text("FOLDER", "with model.safetensors, config.json and tokenizer.json"),
    stage: text("PIPELINE/STAGE", "a model that a stage has made; without both, what world has made, or the base"),
    root: shared.root,
    from: shared.from,
    tokenizer: text("NAME", "bytes, llama2, or a tokenizer.json, where the model has none of its own"),
    context: texts("FILE", "a text that is read before the first question; may be said several times"),
    prompt: text(
      "TEXT",
      "one question: the answer alone goes to the output. Without it, and without a terminal,\n" +
        "the question is what is piped in",
    ),
    system: text("TEXT", "who the assistant is (You are a helpful assistant.)"),
    plain: yes("no chat form: goes on with the text as it is, for models that were not tuned to chat"),
    greedy: yes("always the likeliest token: what is done if nothing else is said"),
    temperature: number("T", "draws tokens instead; 1 as the model was trained, less is safer"),
    "top-k": number("K", "draws from the K likeliest only"),
    "top-p": number("P", "draws from the likeliest that make up the share P only"),
    seed: count("N", "another seed, another draw (0)"),
    "max-tokens": count("N", "tokens of an answer at most (256)", 1),
    cache: oneOf(
      ["f32", "f16", "int8"],
      "how what was read is kept (f32): halves hold twice the context, bytes almost four times",
    ),
    memory: count("MIB", "mebibytes that it may take (1024)", 1),
    device: shared.device,
  },
  more: "Ctrl-C stops an answer; another one leaves. A dialogue is read once: it goes on where it was.",
}

/** Flags that contradict each other. */
const conflicts: ReadonlyArray<readonly [keyof ChatFlags, keyof ChatFlags, string]> = [
  ["model", "stage", "a model comes out of a folder or out of a stage"],
  ["greedy", "temperature", "the likeliest token is taken, or one is drawn"],
  ["greedy", "top-k", "the likeliest token is taken, or one is drawn"],
  ["greedy", "top-p", "the likeliest token is taken, or one is drawn"],
  ["plain", "system", "a plain text has no assistant"],
]

/** How tokens are drawn. Who restricts what is drawn wants something drawn. */
const samplingOf = ({ temperature, "top-k": k, "top-p": p, seed = 0 }: Said): Sampling => ({
  ...greedy,
  temperature: temperature ?? (k === undefined && p === undefined ? 0 : 1),
  ...(k === undefined ? {} : { topK: k }),
  ...(p === undefined ? {} : { topP: p }),
  seed,
})

/** What is wanted, or the sentence that says what does not go together. */
export const wantedOf = (said: Said): E.Either<string, Wanted> => {
  const clash = conflicts.find(([a, b]) => said[a] !== undefined && said[b] !== undefined)
  if (clash !== undefined) return E.left(`--${clash[0]} and --${clash[1]} do not go together: ${clash[2]}`)
  const sampling = samplingOf(said)
  const [wrong] = samplingFaults(sampling)
  if (wrong !== undefined) return E.left(wrong.message)
  return E.right({
    ...{ said, sampling, context: said.context ?? [], limit: said["max-tokens"] ?? 256, storage: said.cache ?? "f32" },
    memory: said.memory === undefined ? undefined : said.memory * 2 ** 20,
  })
}
