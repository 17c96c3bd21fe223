/**
 * Tokenizers as people name them on a command line and in settings.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { FileFault } from "../../core/files/codec.ts"
import { bytes } from "../../models/tokenizers/bytes.ts"
import { huggingface } from "../../models/tokenizers/huggingface.ts"
import { llama2, type Llama2Vocabulary } from "../../models/tokenizers/llama2.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { type DataFault, dataFault } from "./fault.ts"
import { reading } from "./files.ts"
import { brought } from "./package.ts"

const first = <A>(name: string, made: E.Either<ReadonlyArray<FileFault>, A>): Effect.Effect<A, DataFault> =>
  E.isRight(made) ? Effect.succeed(made.right) : Effect.fail(dataFault("file", name, made.left[0]!.message))

const vocabulary: Effect.Effect<Llama2Vocabulary, DataFault> = brought(
  "llama-tokenizer-js",
  async () => (await import("llama-tokenizer-js")).default as Llama2Vocabulary,
)

/** A file's text, or undefined where there is no such file. */
const ifThere = (path: string): Effect.Effect<string | undefined, DataFault> =>
  Effect.catch(
    reading(path, () => readFile(path, "utf8")),
    (fault) => fault.reason === "missing" ? Effect.succeed(undefined) : Effect.fail(fault),
  )

const fromPath = (path: string): Effect.Effect<Tokenizer, DataFault> =>
  Effect.gen(function* () {
    const json = yield* ifThere(path)
    const message = `there is no tokenizer ${path}; name bytes, llama2, or the path of a tokenizer.json`
    if (json === undefined) return yield* Effect.fail(dataFault("missing", path, message))
    const config = yield* ifThere(join(dirname(path), "tokenizer_config.json"))
    return yield* first(path, huggingface(json, config === undefined ? { name: path } : { name: path, config }))
  })

/**
 * `bytes`, `llama2`, or the path of a `tokenizer.json`, beside which a `tokenizer_config.json` may lie that names its special
 * tokens.
 */
export const tokenizerNamed = (name: string): Effect.Effect<Tokenizer, DataFault> =>
  name === "bytes"
    ? Effect.succeed(bytes)
    : name === "llama2"
    ? Effect.flatMap(vocabulary, (vocabulary) => first("llama2", llama2(vocabulary)))
    : fromPath(name)
