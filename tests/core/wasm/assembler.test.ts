/** The assembler: every instruction is valid, labels and callees resolve, equal functions are one. @module */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import {
  assemble,
  block,
  branch,
  branchIf,
  call,
  type Code,
  drop,
  func,
  type Local,
  loop,
  result,
  select,
  type Type,
  type Value,
  when,
} from "../../../core/wasm/assembler.ts"
import * as instructions from "../../../core/wasm/instructions.ts"

const { f32, f32x4, i32, i32x4, i64, v128 } = instructions
const it = suite("wasm assembler")
const memory = { initial: 1, maximum: 1, shared: false }
const instance = (
  exports: Parameters<typeof assemble>[0]["exports"],
): Record<string, (...a: Array<number>) => number> => {
  const bytes = assemble({ memory, exports, table: [] })
  const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>)
  return new WebAssembly.Instance(module, { m: { memory: new WebAssembly.Memory({ initial: 1, maximum: 1 }) } })
    .exports as Record<string, (...a: Array<number>) => number>
}

it("loops, branches, calls and memory work together", () => {
  const square = func("square", ["i32"], ["i32"], ({ params: [x] }) => {
    const n = x as Local<"i32">
    return i32.mul(n, n).code
  })
  const sum = func("sum", ["i32"], ["i32"], ({ params, local }) => {
    const n = params[0] as Local<"i32">
    const i = local("i32"), total = local("i32")
    return [
      block((exit) =>
        loop((again) => [
          branchIf(exit, i32.geS(i, n)),
          total.set(i32.add(total, result("i32", square, i))),
          i32.store(i32.mul(i, 4), total),
          i.set(i32.add(i, 1)),
          branch(again),
        ])
      ),
      when(i32.eq(n, 0), i32.store(0, -1)),
      i32.load(select(i32.eqz(n), i32.const(0), i32.mul(i32.sub(n, 1), 4))).code,
    ]
  })
  const { f } = instance({ f: sum })
  assert.is(f!(5), 0 + 1 + 4 + 9 + 16)
  assert.is(f!(0), -1)
})

it("lanes keep their order", () => {
  const { f } = instance({
    f: func("f", ["i32"], ["f32"], ({ params }) => {
      const lane = params[0] as Local<"i32">
      const v = f32x4.mul(v128.constF32(1.5, 2, 3, 4), f32x4.splat(f32.const(2)))
      return [v128.store(16, v), f32.load(i32.add(i32.shl(lane, 2), 16)).code]
    }),
  })
  assert.equal([0, 1, 2, 3].map((l) => f!(l)), [3, 4, 6, 8])
})

it("functions with the same bytes are one", () => {
  const make = (): ReturnType<typeof func> => func("same", [], [], () => i32.store(0, i32.const(123456)))
  const size = (n: number): number =>
    assemble({
      memory,
      exports: { f: func("all", [], [], () => Array.from({ length: n }, () => call(make()))) },
      table: [],
    }).length
  assert.is(size(10) - size(9), 2)
})

const example: { readonly [T in Type]: Value<Type> } = {
  i32: i32.const(8),
  i64: i64.const(8),
  f32: f32.const(1),
  f64: instructions.f64.const(1),
  v128: i32x4.splat(1),
}

/** Applies an instruction to arguments of every combination of types until a module with it is valid. */
const valid = (instruction: (...args: Array<never>) => Code | Value<Type>): boolean => {
  const types = Object.keys(example) as Array<Type>
  const tries = (n: number): Array<Array<Value<Type> | number>> =>
    n === 0 ? [[]] : tries(n - 1).flatMap((t) => [...types.map((x) => [...t, example[x]]), [...t, 1]])
  return [1, 2, 3, 4].some((n) =>
    tries(n).some((args) => {
      try {
        const made = instruction(...args as Array<never>)
        const body = typeof made === "object" && "type" in made ? drop(made) : made
        return WebAssembly.validate(
          assemble({ memory: { ...memory }, exports: { f: func("f", [], [], () => body) }, table: [] }) as Uint8Array<
            ArrayBuffer
          >,
        )
      } catch {
        return false
      }
    })
  )
}

const relaxed = /relaxed|madd/
for (
  const name of ["i32", "i64", "f32", "f64", "v128", "f32x4", "i32x4", "i16x8", "i8x16", "f64x2", "i64x2"] as const
) {
  it(`every instruction of ${name} is valid`, () => {
    const bad = Object.entries(instructions[name])
      .filter(([k]) => k !== "const" && !k.startsWith("const") && !k.startsWith("shuffle") && !relaxed.test(k))
      .filter(([, f]) => !valid(f as (...args: Array<never>) => Code | Value<Type>))
      .map(([k]) => k)
    assert.equal(bad, [])
  })
}

it.run()
