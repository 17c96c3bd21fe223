/**
 * The command line of `deno task chat`: flags in, what is wanted or one sentence out.
 * @module
 */
import { either as E } from "fp-ts"
import { parseArgs } from "node:util"
import type { Storage } from "../../ops/cache.ts"
import type { Sampling } from "./language.ts"
import { samplingFaults } from "./sampling.ts"

/** What was asked for. What is undefined was not said. */
export interface Wanted {
  readonly help: boolean
  readonly model: string | undefined
  readonly stage: string | undefined
  readonly store: string | undefined
  readonly tokenizer: string | undefined
  readonly context: ReadonlyArray<string>
  readonly prompt: string | undefined
  /** No chat form: the text is gone on with. */
  readonly plain: boolean
  readonly system: string | undefined
  readonly sampling: Sampling
  /** Tokens of an answer at most. */
  readonly limit: number
  readonly cache: Storage
  /** Bytes for the cache. */
  readonly memory: number | undefined
  readonly device: "webgpu" | "wasm" | "oracle" | undefined
}

/** What `--help` prints. */
export const usage = `Talks with a model in the terminal.

    deno task chat [flags]

  --model=FOLDER          a folder with model.safetensors, config.json and tokenizer.json
  --stage=PIPELINE/STAGE  a model that a stage of a pipeline has made; without --model and --stage the newest of world
  --store=FOLDER          where stages keep what they made (runs)
  --tokenizer=NAME        bytes, llama2 or the path of a tokenizer.json, where the model has none of its own
  --context=FILE          a text that is read before the first question; may be given several times
  --prompt=TEXT           one question; the answer alone goes to the output. Without it, and without a terminal, the
                          question is what is piped in
  --system=TEXT           who the assistant is (You are a helpful assistant.)
  --plain                 no chat form: goes on with the text as it is, for models that were not tuned to chat

  --greedy                always the likeliest token: what is done if nothing else is said
  --temperature=T         draws tokens instead; 1 as the model was trained, less is safer
  --top-k=K               draws from the K likeliest only
  --top-p=P               draws from the likeliest that make up the share P only
  --seed=N                another seed, another draw (0)
  --max-tokens=N          tokens of an answer at most (256)

  --cache=f32|f16|int8    how what was read is kept; halves and bytes hold two and four times the context (f32)
  --memory=MIB            mebibytes that it may take (1024)
  --device=webgpu|wasm|oracle   where it runs; without it the best that works is taken
  --help                  this text

Ctrl-C stops an answer; another one leaves. A dialogue is read once: it goes on where it was.
`

const flags = {
  help: { type: "boolean" },
  model: { type: "string" },
  stage: { type: "string" },
  store: { type: "string" },
  tokenizer: { type: "string" },
  context: { type: "string", multiple: true },
  prompt: { type: "string" },
  system: { type: "string" },
  plain: { type: "boolean" },
  greedy: { type: "boolean" },
  temperature: { type: "string" },
  "top-k": { type: "string" },
  "top-p": { type: "string" },
  seed: { type: "string" },
  "max-tokens": { type: "string" },
  cache: { type: "string" },
  memory: { type: "string" },
  device: { type: "string" },
} as const

/** Flags that contradict each other. */
const conflicts: ReadonlyArray<readonly [keyof typeof flags, keyof typeof flags, string]> = [
  ["model", "stage", "a model comes out of a folder or out of a stage"],
  ["greedy", "temperature", "the likeliest token is taken, or one is drawn"],
  ["greedy", "top-k", "the likeliest token is taken, or one is drawn"],
  ["greedy", "top-p", "the likeliest token is taken, or one is drawn"],
  ["plain", "system", "a plain text has no assistant"],
]

/** Flags that take one of a few words. */
const words = {
  device: ["webgpu", "wasm", "oracle"],
  cache: ["f32", "f16", "int8"],
} as const

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : text.trim() === "" ? NaN : Number(text)

/** Reads the flags. A left is what to print before leaving with exit code 2. */
export const parse = (args: ReadonlyArray<string>): E.Either<string, Wanted> => {
  const read = E.tryCatch(
    () => parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values,
    (e) => (e instanceof Error ? e.message : String(e)).split("\n")[0]!,
  )
  if (E.isLeft(read)) return read
  const v = read.right
  const clash = conflicts.find(([a, b]) => v[a] !== undefined && v[b] !== undefined)
  if (clash !== undefined) return E.left(`--${clash[0]} and --${clash[1]} do not go together: ${clash[2]}`)
  for (const name of ["device", "cache"] as const) {
    const [word, known] = [v[name], words[name] as ReadonlyArray<string>]
    if (word !== undefined && !known.includes(word)) {
      return E.left(`--${name} is '${word}'; expected ${known.join(", ")}`)
    }
  }
  for (const name of ["model", "stage", "store", "tokenizer", "prompt"] as const) {
    if (v[name] === "") return E.left(`--${name} is empty; leave it out, or say what is meant`)
  }
  const [limit, memory] = [numberOf(v["max-tokens"]) ?? 256, numberOf(v.memory)]
  if (!Number.isSafeInteger(limit) || limit < 1) {
    return E.left(`--max-tokens is '${v["max-tokens"]}'; expected a whole number of 1 or more`)
  }
  if (memory !== undefined && !(memory > 0 && memory < 1e9)) {
    return E.left(`--memory is '${v.memory}'; expected a number of mebibytes above 0`)
  }
  const [k, p] = [numberOf(v["top-k"]), numberOf(v["top-p"])]
  // who restricts what is drawn wants something drawn
  const drawn = k !== undefined || p !== undefined ? 1 : 0
  const sampling: Sampling = {
    temperature: numberOf(v.temperature) ?? drawn,
    ...(k === undefined ? {} : { topK: k }),
    ...(p === undefined ? {} : { topP: p }),
    seed: numberOf(v.seed) ?? 0,
  }
  const [wrong] = samplingFaults(sampling)
  if (wrong !== undefined) return E.left(wrong.message)
  return E.right({
    help: v.help === true,
    ...{
      model: v.model,
      stage: v.stage,
      store: v.store,
      tokenizer: v.tokenizer,
      context: v.context ?? [],
      prompt: v.prompt,
    },
    ...{ plain: v.plain === true, system: v.system, sampling, limit },
    cache: (v.cache ?? "f32") as Storage,
    memory: memory === undefined ? undefined : memory * 2 ** 20,
    device: v.device as Wanted["device"],
  })
}
