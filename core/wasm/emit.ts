/**
 * Small forms of code that several kernels share: counted loops, digits of a number, addresses of indices.
 * @module
 */
import type { Index } from "../kernel/kernel.ts"
import { block, branch, branchIf, type Code, type Local, loop, type Scope, type Value } from "./assembler.ts"
import { type I32, i32 } from "./instructions.ts"
import type { KernelArgs } from "./kernel.ts"

/** `for (at = from; at < to; at += step) body`, signed. */
export const forUp = (at: Local<"i32">, from: I32, to: I32, step: number, body: Code): Code => [
  at.set(i32.add(from, 0)),
  block((done) =>
    loop((again) => [
      branchIf(done, i32.geS(at, to)),
      body,
      at.set(i32.add(at, step)),
      branch(again),
    ])
  ),
]

/** Sets a variable for each digit of a non-negative number, most significant first; sizes of 1 give 0. */
export const digits = (
  scope: Scope,
  number: Local<"i32">,
  sizes: ReadonlyArray<number>,
): { readonly digits: ReadonlyArray<Value<"i32">>; readonly code: Code } => {
  const rest = scope.local("i32", "rest")
  const real = sizes.map((s, i) => [s, i] as const).filter(([s]) => s !== 1)
  const locals = new Map(real.map(([, i]) => [i, scope.local("i32", `digit${i}`)] as const))
  const code = [...real].reverse().map(([size, i], n): Code =>
    n === real.length - 1 ? locals.get(i)!.set(rest) : [
      locals.get(i)!.set(i32.remU(rest, size)),
      rest.set(i32.divU(rest, size)),
    ]
  )
  return { digits: sizes.map((_, i) => locals.get(i) ?? i32.const(0)), code: [rest.set(number), code] }
}

/** The byte address of element `at` of a buffer; indices have variables and turns only. */
export const addressOf = (
  args: KernelArgs,
  buffer: number,
  bytes: number,
  at: Index,
  variable: (id: number) => Value<"i32">,
): Value<"i32"> =>
  at.terms.reduce<Value<"i32">>((sum, { coef, atom }) => {
    if (atom.tag !== "var" && atom.tag !== "turn") return sum
    const value = atom.tag === "var" ? variable(atom.id) : args.turns[atom.depth]!
    return i32.add(sum, i32.mul(value, coef * bytes))
  }, i32.add(args.buffers[buffer]!, at.base * bytes))
