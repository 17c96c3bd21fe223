/**
 * Orrery: world models as typed functions. Ops on tensors with named axes build a graph; gradients are graphs; `compile`
 * makes a program whose memory and work are known before it runs; a device runs it: WebGPU, WebAssembly, or the float64
 * oracle.
 *
 * ```ts
 * import { either as E } from "fp-ts"
 * import { compile, dot, explain, f32, softmax } from "@orrery/orrery"
 *
 * const specs = { x: f32("batch model", { batch: 4, model: 8 }), w: f32("model out", { model: 8, out: 2 }) }
 * const program = compile(({ x, w }) => ({ y: softmax(dot(x, w, "model"), "out") }), specs)
 * if (E.isRight(program)) console.log(explain(program.right.program))
 * ```
 * @module
 */

// the language
export type { Axes, Has, Without, Word, Words } from "./core/tensor/axes.ts"
export { type DType, dtypes, type HostArray, isDType } from "./core/tensor/dtype.ts"
export * from "./core/tensor/host.ts"
export type { Sliced, Stacked } from "./core/tensor/slices.ts"
export * from "./core/tensor/spec.ts"
export * from "./core/tensor/tensor.ts"
export * as Tree from "./core/tensor/tree.ts"
export { type Faults, type GraphFault, sentence } from "./core/graph/fault.ts"
export { print } from "./core/graph/print.ts"

// ops
export * from "./ops/activation.ts"
export * from "./ops/attention.ts"
export * from "./ops/blocks.ts"
export * from "./ops/chunked.ts"
export {
  appendToCache,
  type Bytes,
  type Cache,
  cacheFaults,
  type CacheSpec,
  cacheSpec,
  emptyCache,
  type Storage,
  type Stored,
  type StoredSpec,
} from "./ops/cache.ts"
export * from "./ops/collective.ts"
export * from "./ops/codebook.ts"
export * from "./ops/contraction.ts"
export * from "./ops/convolution.ts"
export * from "./ops/decode.ts"
export * from "./ops/elementwise.ts"
export * from "./ops/image.ts"
export * from "./ops/indexing.ts"
export * from "./ops/linear-cross-entropy.ts"
export * from "./ops/literal.ts"
export * from "./ops/logic.ts"
export * from "./ops/loss.ts"
export * from "./ops/movement.ts"
export * from "./ops/norm.ts"
export * from "./ops/optimiser.ts"
export * from "./ops/quantize.ts"
export * from "./ops/reduction.ts"
export * from "./ops/resample.ts"
export { type Ring, ringAttention } from "./ops/ring.ts"
export * from "./ops/rope.ts"
export * from "./ops/scan.ts"
export * from "./ops/schedule.ts"
export { positionFaults, segmentFaults } from "./ops/sequence.ts"
export * from "./ops/softmax.ts"
export * from "./ops/sorting.ts"

/** Partial attention, the monoid: `Partials.merge` and what goes with it. */
export * as Partials from "./ops/partial.ts"

// differentiation
export * from "./core/grad/custom.ts"
export * from "./core/grad/grad.ts"
export * from "./core/grad/vmap.ts"

// random numbers
export * from "./core/random/host.ts"
export * from "./core/random/random.ts"

// the compiler
export { compile, type Compiled, type CompileOptions } from "./core/plan/compile.ts"
export { exact, halves, type Policy } from "./core/plan/policy.ts"
export { explain, explainMemory } from "./core/plan/explain.ts"
export { type Memory, memoryOf } from "./core/plan/memory.ts"
export type { Forecast, Program, Slot } from "./core/plan/program.ts"

/** Programs as documents: JSON out and in, and their digest. */
export * as Programs from "./core/plan/json.ts"

// files
export * as Safetensors from "./core/files/safetensors.ts"
export type { FileFault } from "./core/files/codec.ts"

// devices
export type { Allocation, Backend, DeviceFault, DeviceInfo, Executable } from "./core/device/backend.ts"
export { oracle } from "./core/device/oracle.ts"
export { wasm, type WasmOptions } from "./core/wasm/backend.ts"
export { webgpu, type WebgpuOptions } from "./core/device/webgpu.ts"
export { chosen } from "./core/device/choose.ts"
export * from "./core/device/device.ts"

// meshes
export type { Collective } from "./core/graph/collective.ts"
export type { Engine, MeshFault } from "./core/device/engine.ts"
export { lanes, type LanesOptions, together } from "./core/mesh/lanes.ts"
export { mpi, type MpiEngine, type MpiOptions, type Observed } from "./core/mesh/mpi/engine.ts"
export { type Layout, type Mapping, placesOf, type Shape, type Spread } from "./core/mesh/shape.ts"
export { compileOn, type MeshCompiled, type Where } from "./core/mesh/spmd.ts"

/** Where the ranks are: `Mesh.single`, `Mesh.local`, `Mesh.processes`, and the service `Mesh.Mesh`. */
export * as Mesh from "./core/mesh/mesh.ts"

// stages

/** Work in stages that is made once and goes on where it was stopped: `Stages.stage`, `Stages.pipeline`, `Stages.run`. */
export * as Stages from "./tasks/stage/mod.ts"

// models

/** Training any model: recipes, states, gradients in parts and over ranks, and the step. */
export * as Learn from "./models/learn/mod.ts"

/** A small classifier of frames: what judges pictures of one thing. */
export * as Classifier from "./models/classifier/mod.ts"

export * as Llama from "./models/llama/mod.ts"

/** World models: a Llama that reads and makes frames as tokens beside text. */
export * as World from "./models/world/mod.ts"

/** Frames as grids of codes: `Vqgan.encode`, `Vqgan.decodeIds`, and how it is trained. */
export * as Vqgan from "./models/vqgan/mod.ts"

/** Texts as ids: bytes, vocabularies learned here, any `tokenizer.json`, Llama-2's. */
export * as Tokenizers from "./models/tokenizers/mod.ts"
