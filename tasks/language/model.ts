/**
 * A model to talk to, with all that belongs to it: out of a folder as other programs know it, or as a stage made it.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { basename, dirname } from "node:path"
import { decodeJson, type FileFault, fileFault } from "../../core/files/codec.ts"
import { decode, type Stored } from "../../core/files/safetensors.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import { flatten } from "../../core/tensor/tree.ts"
import { type Config, configFaults, fromForeign } from "../../models/llama/config.ts"
import type { Hosts, Parameters } from "../../models/llama/parameters.ts"
import { bytes } from "../../models/tokenizers/bytes.ts"
import { huggingface } from "../../models/tokenizers/huggingface.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { DataFault } from "../data/fault.ts"
import { tokenizerNamed } from "../data/tokenizers.ts"
import { orFirst } from "../known.ts"
import { FileRef, getBytes } from "../objects.ts"
import { folder, Store, type StoreFault } from "../store.ts"
import { parametersIn, readParameters } from "../train/parameters.ts"
import { ConfigCodec } from "../train/settings.ts"

// ---- types -------------------------------------------------------------------

/** A model at home. */
export interface Model {
  /** For people. */
  readonly name: string
  readonly config: Config
  readonly parameters: Hosts<Parameters>
  readonly tokenizer: Tokenizer
}

/** A model by its files: what a stage makes that others are to talk to. The tokenizer is a `tokenizer.json`. */
export interface ModelFiles {
  readonly config: Config
  readonly parameters: FileRef
  readonly tokenizer: FileRef | "bytes"
}

/** The codec of models by their files. */
export const ModelFiles: t.Type<ModelFiles, unknown> = t.type({
  config: ConfigCodec,
  parameters: FileRef,
  tokenizer: t.union([FileRef, t.literal("bytes")]),
})

type Faults = StoreFault | FileFault
type Checked<A> = E.Either<ReadonlyArray<FileFault>, A>

// ---- parts -------------------------------------------------------------------

/** Bytes of UTF-8 as text. */
export const text = (b: Uint8Array): string => new TextDecoder().decode(b)

/** Bytes for a vocabulary that has them, with the special tokens that it has room for. */
export const bytesFor = (vocab: number): Tokenizer => ({
  ...bytes,
  vocab: Math.min(vocab, bytes.vocab),
  bos: vocab > 256 ? bytes.bos : undefined,
  eos: vocab > 257 ? bytes.eos : undefined,
  pad: vocab > 258 ? bytes.pad : undefined,
})

/** Faults that name where they are. */
export const within = <A>(path: string, e: Checked<A>): Checked<A> =>
  E.mapLeft((all: ReadonlyArray<FileFault>) => all.map((f) => ({ ...f, message: `${path}: ${f.message}` })))(e)

/** Numbers that are no numbers say nothing, and say it forever. */
export const finiteFaults = (parameters: unknown): ReadonlyArray<FileFault> =>
  (flatten(parameters) as ReadonlyArray<readonly [string, AnyHost]>).flatMap(([path, { data }]) =>
    data.every((x: number) => Number.isFinite(x))
      ? []
      : [fileFault("value", path, `'${path}' holds numbers that are not finite; its training went wrong, take another`)]
  )

/** Whether a tokenizer's ids fit into a vocabulary. */
export const wordFaults = (tokenizer: Tokenizer, { vocab }: Pick<Config, "vocab">): ReadonlyArray<FileFault> =>
  tokenizer.vocab <= vocab ? [] : [fileFault(
    "size",
    "tokenizer",
    `the tokenizer '${tokenizer.name}' has ${tokenizer.vocab} tokens, the model a vocabulary of ${vocab}; give ` +
      "the tokenizer that it was trained with",
  )]

/** The model itself, if its parts belong together. Faults: numbers that are not finite, a tokenizer of another model. */
export const whole = (model: Model): Effect.Effect<Model, FileFault> => {
  const { config, parameters, tokenizer, name } = model
  const wrong = [
    ...configFaults(config),
    ...finiteFaults(parameters),
    ...wordFaults(tokenizer, config),
  ]
  return orFirst(wrong.length > 0 ? within(name, E.left(wrong)) : E.right(model))
}

/** A tokenizer by its name; bytes with as many special tokens as the model has. */
export const named = (words: string, { vocab }: Config): Effect.Effect<Tokenizer, DataFault> =>
  words === "bytes" ? Effect.succeed(bytesFor(vocab)) : tokenizerNamed(words)

// ---- out of a folder -------------------------------------------------------------

/** A file of a folder. Faults: it is not there, and `what` says what the folder needs. */
export const needed = (path: string, name: string, what: string): Effect.Effect<Uint8Array, Faults, Store> =>
  Effect.gen(function* () {
    const found = yield* (yield* Store).read(name)
    if (found !== undefined) return found
    return yield* Effect.fail(fileFault("missing", name, `${path} has no ${name}: ${what}`))
  })

const Index: t.Type<{ readonly weight_map: { readonly [name: string]: string } }, unknown> = t.type({
  weight_map: t.record(t.string, t.string),
})

/** All tensors: of one file, or of those that an index names. */
export const tensorsIn = (path: string, name: string): Effect.Effect<ReadonlyArray<Stored>, Faults, Store> =>
  Effect.gen(function* () {
    const index = yield* (yield* Store).read(`${name}.index.json`)
    const names = index === undefined
      ? [name]
      : [...new Set(Object.values((yield* orFirst(within(path, decodeJson(Index, text(index))))).weight_map))]
    const advice = "give a folder with model.safetensors, config.json and tokenizer.json"
    const files = yield* Effect.forEach(
      names,
      (file) => Effect.flatMap(needed(path, file, advice), (b) => orFirst(within(`${path}/${file}`, decode(b)))),
    )
    return files.flatMap((f) => f.tensors)
  })

/** The tokenizer of a folder, or the one that `words` names. */
export const tokenizerIn = (
  path: string,
  config: Config,
  words: string | undefined,
): Effect.Effect<Tokenizer, Faults | DataFault, Store> =>
  Effect.gen(function* () {
    if (words !== undefined) return yield* named(words, config)
    const store = yield* Store
    const json = yield* store.read("tokenizer.json")
    if (json === undefined && config.vocab >= 256 && config.vocab <= bytes.vocab) return bytesFor(config.vocab)
    const advice = `copy the one here that the model was trained with (its vocabulary is ${config.vocab})`
    const file = json ?? (yield* needed(path, "tokenizer.json", advice))
    const names = yield* store.read("tokenizer_config.json")
    const name = `${path}/tokenizer.json`
    return yield* orFirst(within(
      name,
      huggingface(text(file), names === undefined ? { name } : { name, config: text(names) }),
    ))
  })

/**
 * A folder with `model.safetensors` (or its parts and their index), `config.json` and `tokenizer.json`, as Hugging Face's
 * programs write them; or the path of a safetensors file in such a folder. Without a tokenizer a vocabulary of 256 to 259
 * is taken for bytes; `words` names another tokenizer: `bytes`, `llama2`, the path of a `tokenizer.json`.
 */
export const modelIn = (path: string, words?: string): Effect.Effect<Model, Faults | DataFault> => {
  const file = path.endsWith(".safetensors")
  const root = file ? dirname(path) : path
  return Effect.gen(function* () {
    const advice = "is it a model's folder? It needs model.safetensors, config.json and tokenizer.json"
    const json = yield* orFirst(decodeJson(t.unknown, text(yield* needed(root, "config.json", advice))))
    const config = yield* orFirst(within(`${root}/config.json`, fromForeign(json)))
    const name = file ? basename(path) : "model.safetensors"
    const parameters = yield* orFirst(within(`${root}/${name}`, parametersIn(config, yield* tensorsIn(root, name))))
    const tokenizer = yield* tokenizerIn(root, config, words)
    return yield* whole({ name: path, config, parameters, tokenizer })
  }).pipe(Effect.provide(folder(root)))
}

// ---- out of a store --------------------------------------------------------------

/** The tokenizer of a model's files: a `tokenizer.json`, or bytes. */
export const wordsOf = (
  tokenizer: ModelFiles["tokenizer"],
  { vocab }: Pick<Config, "vocab">,
  name: string,
): Effect.Effect<Tokenizer, Faults, Store> =>
  tokenizer === "bytes"
    ? Effect.succeed(bytesFor(vocab))
    : Effect.flatMap(getBytes(tokenizer), (b) => orFirst(within(name, huggingface(text(b), { name }))))

/** A model by its files. Faults: a file that is not whole, files that do not belong together. */
export const modelOf = (
  name: string,
  { config, parameters, tokenizer }: ModelFiles,
): Effect.Effect<Model, Faults, Store> =>
  Effect.gen(function* () {
    const words = yield* wordsOf(tokenizer, config, name)
    return yield* whole({
      ...{ name, config, tokenizer: words },
      parameters: yield* readParameters(config, parameters),
    })
  })
