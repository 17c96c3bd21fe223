/**
 * Runs the code of one kernel in this thread, on plain arrays: no pool, no planner.
 * @module
 */
import { assemble } from "../../../core/wasm/assembler.ts"
import type { Features, KernelCode, KernelContext } from "../../../core/wasm/kernel.ts"
import { platform } from "../../../core/wasm/platform.ts"
import type { DType, HostArray } from "../../../core/tensor/dtype.ts"

/** One buffer of a test: stored form. */
export interface Filled {
  readonly dtype: DType
  readonly data: HostArray
}

const up = (n: number): number => (n + 64 + 63) & ~63

/** Runs all phases, tasks cut in groups of `group`, and gives the buffers afterwards. */
export const runCode = (
  code: KernelCode,
  buffers: ReadonlyArray<Filled>,
  turns: ReadonlyArray<number> = [],
  group = 1,
): ReadonlyArray<HostArray> => {
  let end = 64
  const place = (bytes: number): number => {
    const at = end
    end = up(end + bytes)
    return at
  }
  const at = buffers.map((b) => place(b.data.byteLength))
  const constants = place(code.constants.length)
  const shared = place(code.shared)
  const scratch = place(code.scratch)
  const pages = Math.ceil(end / 65536) + 1
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const bytes = new Uint8Array(memory.buffer)
  bytes.fill(0xa5)
  buffers.forEach((b, i) => bytes.set(new Uint8Array(b.data.buffer, b.data.byteOffset, b.data.byteLength), at[i]!))
  bytes.set(code.constants, constants)
  const names = Object.fromEntries(code.phases.map((p, i) => [`f${i}`, p.func]))
  const module = assemble({ memory: { initial: pages, maximum: pages, shared: false }, exports: names, table: [] })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module as BufferSource), { m: { memory } })
  code.phases.forEach((p, i) => {
    const f = instance.exports[`f${i}`] as (...args: ReadonlyArray<number>) => void
    for (let lo = 0; lo < p.tasks; lo += group) {
      f(...at, ...turns, constants, shared, scratch, lo, Math.min(lo + group, p.tasks))
    }
  })
  const ends = [...at.slice(1), constants]
  at.forEach((a, i) => {
    for (let b = a + buffers[i]!.data.byteLength; b < ends[i]!; b++) {
      if (bytes[b] !== 0xa5) throw new Error(`buffer ${i} was written past its end`)
    }
  })
  return buffers.map((b, i) => {
    const room = b.data.slice()
    new Uint8Array(room.buffer).set(bytes.subarray(at[i]!, at[i]! + room.byteLength))
    return room
  })
}

/** What the engine has: strict always, relaxed wherever it can be switched on. */
export const modes: ReadonlyArray<Features> = (() => {
  platform().tune({ relaxed: true, wide: false })
  return [{ relaxed: false, revectorize: false, blas: false }, { relaxed: true, revectorize: false, blas: false }]
})()

/** The context of buffers. */
export const contextOf = (features: Features, dtypes: ReadonlyArray<DType>, turns = 0): KernelContext => ({
  features,
  buffers: dtypes,
  turns,
})
