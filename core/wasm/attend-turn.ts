/**
 * Small matrices of f32 turned over: what lies `[lane][feature]` in memory becomes `[feature][lane]` in scratch, and back.
 * @module
 */
import { branchIf, type Code, type Func, func, type Local, loop, when } from "./assembler.ts"
import { transposed } from "./contract-pack.ts"
import { forUp } from "./emit.ts"
import { f32, f32x4, i32, type V128, v128 } from "./instructions.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/**
 * `(from, to, rows)`: a matrix of so many rows of `cols` elements, rows `from` bytes apart, to one of `cols` rows that are
 * `to` bytes apart, times a number.
 */
export const turning = (pitch: { readonly from: number; readonly to: number }, cols: number, scale: number): Func =>
  func("turn", ["i32", "i32", "i32"], [], (scope) => {
    const [from, to, rows] = scope.params as ReadonlyArray<Local<"i32">>
    const names = ["row", "col", "a", "b", "whole"].map((n) => scope.local("i32", n))
    const [row, col, a, b, whole] = names as [...ReadonlyArray<Local<"i32">>]
    const loaded = range(4).map((i) => scope.local("v128", `r${i}`))
    const factor = scope.local("v128", "factor")
    const scaled = (x: V128): V128 => scale === 1 ? x : f32x4.mul(x, factor)
    const { code, out } = transposed(scope, loaded)
    const fours = cols - cols % 4
    const one = (): Code => {
      const x = f32.load(a!)
      return f32.store(b!, scale === 1 ? x : f32.mul(x, f32.const(scale)))
    }
    return [
      scale === 1 ? [] : factor.set(f32x4.splat(f32.const(scale))),
      whole!.set(i32.and(rows!, -4)),
      forUp(row!, 0, whole!, 4, [
        a!.set(i32.add(from!, i32.mul(row!, pitch.from))),
        b!.set(i32.add(to!, i32.mul(row!, 4))),
        fours === 0 ? [] : [
          col!.set(i32.const(fours)),
          loop((again) => [
            loaded.map((r, i) => r.set(v128.load(a!, i * pitch.from))),
            code,
            out.map((v, i) => v128.store(b!, scaled(v), i * pitch.to)),
            a!.set(i32.add(a!, 16)),
            b!.set(i32.add(b!, 4 * pitch.to)),
            branchIf(again, col!.tee(i32.sub(col!, 4))),
          ]),
        ],
        range(cols % 4).map((c) => [
          range(4).map((i) => loaded[i]!.set(v128.load32Zero(a!, i * pitch.from + 4 * c))),
          code,
          v128.store(b!, scaled(out[0]!), c * pitch.to),
        ]),
      ]),
      when(
        i32.ltS(whole!, rows!),
        forUp(row!, whole!, rows!, 1, [
          a!.set(i32.add(from!, i32.mul(row!, pitch.from))),
          b!.set(i32.add(to!, i32.mul(row!, 4))),
          col!.set(i32.const(cols)),
          loop((again) => [
            one(),
            a!.set(i32.add(a!, 4)),
            b!.set(i32.add(b!, pitch.to)),
            branchIf(again, col!.tee(i32.sub(col!, 1))),
          ]),
        ]),
      ),
    ]
  })
