/**
 * Writing the body of a function: code in order, values kept in locals, constants loaded once where the function
 * begins. A `v128.const` in a loop is made anew each time by the engine; a local that was loaded from memory is not.
 * @module
 */
import type { Code, Local, Scope, Type, Value } from "./assembler.ts"
import { f32x4, type I32, i32, type V128, v128 } from "./instructions.ts"
import type { ConstantPool, Features } from "./kernel.ts"

/** A function that is being written. */
export interface Writer {
  readonly features: Features
  readonly pool: ConstantPool
  /** Where the pool's constants lie. */
  readonly constants: Value<"i32">
  readonly put: (code: Code) => void
  readonly fresh: <T extends Type>(type: T) => Local<T>
  /** Computes the value here, and holds it. */
  readonly keep: <T extends Type>(value: Value<T>) => Local<T>
  /** The code that `write` puts. */
  readonly capture: (write: () => void) => Code
  /** Four lanes of that f32. */
  readonly f32: (value: number) => V128
  /** Four lanes of that i32 (or u32). */
  readonly i32: (value: number) => V128
  /** Those four i32. */
  readonly lanes: (values: ReadonlyArray<number>) => V128
  /** x * y + z */
  readonly madd: (x: V128, y: V128, z: V128) => V128
  /** z - x * y */
  readonly nmadd: (x: V128, y: V128, z: V128) => V128
  /** The whole body: the constants, then what was put. */
  readonly body: () => Code
}

/** Is the value a variable already? Then it need not be kept again. */
const isLocal = <T extends Type>(value: Value<T>): value is Local<T> => "tee" in value

/** Begins a body. */
export const writer = (
  scope: Scope,
  features: Features,
  pool: ConstantPool,
  constants: Value<"i32">,
): Writer => {
  const prologue: Array<Code> = []
  const held = new Map<number, Local<"v128">>()
  const sinks: Array<Array<Code>> = [[]]
  const put = (code: Code): void => {
    sinks.at(-1)!.push(code)
  }
  const constant = (offset: number): V128 => {
    const known = held.get(offset)
    if (known !== undefined) return known
    const local = scope.local("v128")
    prologue.push(local.set(v128.load(constants, offset)))
    held.set(offset, local)
    return local
  }
  const keep = <T extends Type>(value: Value<T>): Local<T> => {
    if (isLocal(value)) return value
    const local = scope.local(value.type)
    put(local.set(value))
    return local
  }
  return {
    features,
    pool,
    constants,
    put,
    keep,
    fresh: (type) => scope.local(type),
    capture: (write) => {
      sinks.push([])
      write()
      return sinks.pop()!
    },
    f32: (value) => constant(pool.f32(value)),
    i32: (value) => constant(pool.i32(value)),
    lanes: (values) => constant(pool.words(values)),
    madd: (x, y, z) => features.relaxed ? f32x4.madd(x, y, z) : f32x4.add(f32x4.mul(x, y), z),
    nmadd: (x, y, z) => features.relaxed ? f32x4.nmadd(x, y, z) : f32x4.sub(z, f32x4.mul(x, y)),
    body: () => [prologue, sinks[0]!],
  }
}

/** Adds numbers where they are known. */
export const plus = (x: I32, y: I32): I32 =>
  typeof x === "number" && typeof y === "number" ? x + y : x === 0 ? y : y === 0 ? x : i32.add(x, y)

/** An i32 as a value. */
export const asValue = (x: I32): Value<"i32"> => typeof x === "number" ? i32.const(x) : x
