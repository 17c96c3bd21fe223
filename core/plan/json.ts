/**
 * Programs as JSON documents and back, and the name of a program's content. What is read is decoded, held to the table
 * of `validity.ts`, and only then believed.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson, type FileFault, fileFault, finite, natural } from "../files/codec.ts"
import { collectiveCodec } from "../graph/json.ts"
import { sha256Text } from "../graph/sha256.ts"
import { dtypeCodec, kernelCodec } from "../kernel/json.ts"
import type { AnyTensor } from "../tensor/tensor.ts"
import type { Compiled } from "./compile.ts"
import type { Forecast, Program, Step } from "./program.ts"
import { broken } from "./validity.ts"

/** Numbers of constants; those that JSON lacks as text. */
const numberCodec: t.Type<number, unknown> = new t.Type<number, unknown>(
  "number",
  (u): u is number => typeof u === "number",
  (u, c) =>
    finite.is(u)
      ? t.success(u)
      : u === "NaN" || u === "Infinity" || u === "-Infinity" || u === "-0"
      ? t.success(Number(u))
      : t.failure(u, c),
  (x) => (Number.isFinite(x) && !Object.is(x, -0) ? x : Object.is(x, -0) ? "-0" : String(x)),
)

const names = t.readonlyArray(t.string, "list of names")
const naturals = t.readonlyArray(natural, "list of natural numbers")

const slot = t.intersection([
  t.strict({ path: t.string, dtype: dtypeCodec, axes: names, shape: naturals, buffer: natural }),
  t.exact(t.partial({ donated: natural })),
], "slot")

const place = t.union([
  t.strict({ tag: t.literal("arena"), offset: natural }),
  t.strict({ tag: t.literal("input"), index: natural }),
  t.strict({ tag: t.literal("output"), index: natural }),
  t.strict({ tag: t.literal("constant"), values: t.readonlyArray(numberCodec) }),
], "place")

const step: t.Type<Step, unknown> = t.recursion("step", () =>
  t.union([
    t.strict({ tag: t.literal("dispatch"), kernel: natural, buffers: naturals }),
    t.strict({ tag: t.literal("repeat"), times: natural, reverse: t.boolean, steps: t.readonlyArray(step) }),
  ], "dispatch or repeat") as unknown as t.Type<Step, unknown>)

const forecast: t.Type<Forecast, unknown> = t.strict({
  inputs: natural,
  outputs: natural,
  constants: natural,
  arena: natural,
  peak: natural,
  flops: natural,
  traffic: natural,
  dispatches: natural,
  depth: natural,
  sent: natural,
}, "forecast") as unknown as t.Type<Forecast, unknown>

/** The form of a program's document. */
export const programCodec: t.Type<Program, unknown> = t.strict({
  version: t.literal(2),
  inputs: t.readonlyArray(slot),
  outputs: t.readonlyArray(slot),
  buffers: t.readonlyArray(t.strict({ dtype: dtypeCodec, elements: natural, place }, "buffer")),
  kernels: t.readonlyArray(kernelCodec),
  steps: t.readonlyArray(step),
  exchanges: t.readonlyArray(
    t.strict({ collective: collectiveCodec, from: natural, to: natural, start: natural, finish: natural }, "exchange"),
  ),
  arena: natural,
  forecast,
}, "program") as unknown as t.Type<Program, unknown>

const inIndex: ReadonlySet<string> = new Set(["base", "coef", "low", "high"])

/** Keys in alphabetical order and one 0 in indices, so that equal documents are equal texts. */
const sorted = (key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value === "-0" && inIndex.has(key)
    ? 0
    : value

/** The program as JSON text; equal programs give equal texts. */
export const encode = (program: Program): string => JSON.stringify(programCodec.encode(program), sorted)

/** The program of a document. Faults: what is no JSON or not of the form, with the place; each rule that is broken. */
export const decode = (text: string): E.Either<ReadonlyArray<FileFault>, Program> =>
  E.flatMap((program: Program) => {
    const faults = broken(program).map(({ rule, where, message }) => fileFault("layout", where, `${rule}: ${message}`))
    return faults.length > 0 ? E.left(faults) : E.right(program)
  })(decodeJson(programCodec, text))

/** The name of a program's content. */
export const digest = (program: Program): string => sha256Text(encode(program))

/** Tensors by path. */
export type Flat = { readonly [path: string]: AnyTensor }

/** A program without the trees it was compiled with, to be loaded by a device: its inputs and outputs by path. */
export const plain = (program: Program): Compiled<Flat, Flat> => ({
  program,
  inputs: Object.fromEntries(program.inputs.map((s) => [s.path, s])) as never,
  outputs: Object.fromEntries(program.outputs.map((s) => [s.path, s])) as never,
})
