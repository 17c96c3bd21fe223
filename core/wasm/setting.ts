/**
 * What is fixed while the code of a kernel is written, where the writing stands, and the names under which values are
 * kept. A name is found from inside of the loop in which it was kept, and forgotten where that loop ends.
 * @module
 */
import type { Ranges } from "../kernel/affine.ts"
import type { Expr, Index } from "../kernel/kernel.ts"
import type { DType } from "../tensor/dtype.ts"
import type { Local, Value } from "./assembler.ts"
import type { Writer } from "./writer.ts"

/** One buffer: where it lies and how its elements are stored. */
export interface Bound {
  readonly address: Value<"i32">
  readonly dtype: DType
}

/** What is fixed while a kernel's code is written. */
export interface Setting {
  readonly ranges: Ranges
  /** Level of a variable: 0 is outside of all loops. */
  readonly level: (id: number) => number
  /** The variable that takes four values at once. */
  readonly vector: number | undefined
  readonly buffers: ReadonlyArray<Bound>
  readonly turns: ReadonlyArray<Value<"i32">>
  /** Level of accs, and whether they differ from lane to lane. */
  readonly acc: { readonly level: number; readonly varies: boolean }
  /** How many times an expression is used. */
  readonly uses: (e: Expr) => number
  /** A number that tells expressions apart. */
  readonly name: (e: Expr) => number
}

/** Where the writing stands. */
export interface Spot {
  /** Level of the innermost loop that is open. */
  depth: number
  /** Lanes: 4, or 1 where only lane 0 is meant. */
  width: number
  /** Copies of lanes side by side. */
  copies: number
}

/** Values under names. */
export interface Kept {
  readonly found: <T extends "i32" | "v128">(key: string) => Local<T> | undefined
  /** Computes the value here and keeps it. */
  readonly remember: <T extends "i32" | "v128">(key: string, value: Value<T>) => Local<T>
  /** What is kept by `write` is forgotten after it. */
  readonly scoped: (write: () => void) => void
}

/** No names yet. */
export const noneKept = (w: Writer): Kept => {
  const scopes: Array<Map<string, unknown>> = [new Map()]
  return {
    found: <T extends "i32" | "v128">(key: string) => {
      for (let i = scopes.length - 1; i >= 0; i--) {
        const local = scopes[i]!.get(key)
        if (local !== undefined) return local as Local<T>
      }
      return undefined
    },
    remember: (key, value) => {
      const local = w.keep(value)
      scopes.at(-1)!.set(key, local)
      return local
    },
    scoped: (write) => {
      scopes.push(new Map())
      write()
      scopes.pop()
    },
  }
}

/** An index with the expressions it takes values of, by address: what a store needs to know of its place. */
export interface Place {
  readonly buffer: number
  readonly at: Index
}
