/** Safetensors: what is written is read, and no lie is believed. */
import fc from "fast-check"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { FileFault } from "../../../core/files/codec.ts"
import { decode, decodeHeader, encode, type SafeFile, type Stored } from "../../../core/files/safetensors.ts"
import { type DType, dtypes, type HostArray } from "../../../core/tensor/dtype.ts"

const it = suite("core/files/safetensors")

const right = <A>(e: E.Either<ReadonlyArray<FileFault>, A>): A => {
  if (E.isLeft(e)) throw new Error(e.left.map((f) => f.message).join("\n"))
  return e.right
}

/** A file with this header text and this many bytes of data. */
const file = (header: string, data = 0, claimed?: bigint): Uint8Array => {
  const text = new TextEncoder().encode(header)
  const bytes = new Uint8Array(8 + text.length + data)
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true)
  bytes.set(text, 8)
  return bytes
}

const random: { readonly [D in DType]: (n: number, next: () => number) => HostArray } = {
  f32: (n, next) => Float32Array.from({ length: n }, () => next() / 7),
  f16: (n, next) => Uint16Array.from({ length: n }, next),
  bf16: (n, next) => Uint16Array.from({ length: n }, next),
  i32: (n, next) => Int32Array.from({ length: n }, next),
  u32: (n, next) => Uint32Array.from({ length: n }, next),
  u8: (n, next) => Uint8Array.from({ length: n }, next),
  bool: (n, next) => Uint8Array.from({ length: n }, () => next() & 1),
}

const stored: fc.Arbitrary<Stored> = fc.record({
  name: fc.string({ unit: "binary", minLength: 1, maxLength: 12 }).filter((s) => !s.split(".").includes("__proto__")),
  dtype: fc.constantFrom(...Object.keys(dtypes) as ReadonlyArray<DType>),
  shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  seed: fc.nat(),
}).map(({ name, dtype, shape, seed }) => {
  let x = seed
  const next = (): number => (x = (Math.imul(x, 1664525) + 1013904223) | 0)
  return { name, dtype, shape, data: random[dtype](shape.reduce((a, b) => a * b, 1), next) }
})

const several = fc.uniqueArray(stored, { selector: (s) => s.name, maxLength: 6 })
const metadata = fc.uniqueArray(fc.tuple(fc.string(), fc.string()), { selector: ([k]) => k, maxLength: 3 })
  .map((pairs) => new Map(pairs))

it("what is written is read, every dtype, any shape, any order", () =>
  fc.assert(
    fc.property(several, metadata, (tensors, meta) => {
      const bytes = right(encode(tensors, meta))
      assert.equal(bytes, right(encode([...tensors].reverse(), new Map([...meta].reverse()))), "one file, one digest")
      const read: SafeFile = right(decode(bytes))
      const byName = (a: Stored, b: Stored): number => a.name < b.name ? -1 : 1
      assert.equal([...read.tensors].sort(byName), [...tensors].sort(byName))
      assert.equal([...read.metadata].sort(), [...meta].sort())
    }),
    { seed: 1, numRuns: 200 },
  ))

it("the bytes are those of the format", () => {
  const bytes = right(
    encode([{ name: "a", dtype: "f32", shape: [2], data: Float32Array.of(1, 2) }], new Map([["k", "v"]])),
  )
  const header = '{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
  const text = new TextDecoder().decode(bytes.subarray(8, bytes.length - 8))
  assert.is(text.trimEnd(), header)
  assert.is(text.length % 8, 0)
  assert.equal([...bytes.subarray(-8)], [0, 0, 128, 63, 0, 0, 0, 64])
})

/** Each lie: what the file looks like, the reason of the fault, and a part of its sentence. */
const lies: ReadonlyArray<readonly [string, Uint8Array, FileFault["reason"], string]> = [
  ["nothing", new Uint8Array(), "truncated", "at least 8 bytes"],
  ["seven bytes", new Uint8Array(7), "truncated", "at least 8 bytes"],
  ["no header", new Uint8Array(8), "header", "begin with '{'"],
  ["header too long", file("{}", 0, 100_000_001n), "header", "more than the 100000000 allowed"],
  ["header of 2^64 - 1 bytes", file("{}", 0, 0xffffffffffffffffn), "header", "18446744073709551615"],
  ["header beyond the file", file("{}", 0, 3n), "truncated", "claims 3 bytes, only 2 follow"],
  ["not UTF-8", file("{}").fill(0xff, 9), "header", "not UTF-8"],
  ["not JSON", file("{nonsense"), "json", "not JSON"],
  ["an array", file("[]"), "header", "begin with '{'"],
  ["JSON cut off", file('{"a":{"dtype":"F32"'), "json", "not JSON"],
  ["a tensor that is a number", file('{"a":1}'), "json", "tensor 'a'"],
  ["no dtype", file('{"a":{"shape":[],"data_offsets":[0,0]}}'), "json", "dtype: expected string, got nothing"],
  ["unknown dtype", file('{"a":{"dtype":"F8_E4M3","shape":[0],"data_offsets":[0,0]}}'), "dtype", "'F8_E4M3'"],
  [
    "dtype of an object's prototype",
    file('{"a":{"dtype":"toString","shape":[0],"data_offsets":[0,0]}}'),
    "dtype",
    "toString",
  ],
  ["negative size", file('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}'), "json", "natural number, got -1"],
  ["fractional size", file('{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,0]}}'), "json", "got 1.5"],
  [
    "size 2^60",
    file('{"a":{"dtype":"U8","shape":[1152921504606846976],"data_offsets":[0,0]}}'),
    "json",
    "natural number",
  ],
  [
    "sizes whose product is beyond exact integers",
    file('{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    "size",
    "too many bytes",
  ],
  [
    "size that is not shape x dtype",
    file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4),
    "size",
    "needs 8 bytes",
  ],
  [
    "offsets beyond the file",
    file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 4),
    "layout",
    "do not lie within",
  ],
  [
    "offsets the wrong way round",
    file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}', 2),
    "layout",
    "do not lie within",
  ],
  ["three offsets", file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2,3]}}', 2), "json", "data_offsets"],
  [
    "overlap",
    file(
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}',
      6,
    ),
    "layout",
    "inside the one before",
  ],
  [
    "gap",
    file(
      '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}',
      6,
    ),
    "layout",
    "bytes 2 to 4 before tensor 'b'",
  ],
  ["bytes at the end", file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 3), "layout", "last 1 bytes"],
  [
    "one name twice",
    file(
      '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
      2,
    ),
    "name",
    "'a' twice",
  ],
  [
    "one name twice, once escaped",
    file(
      '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
    ),
    "name",
    "'a' twice",
  ],
  ["__proto__", file('{"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), "name", "__proto__"],
  ["x.__proto__.y", file('{"x.__proto__.y":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), "name", "__proto__"],
  ["metadata of numbers", file('{"__metadata__":{"step":1}}'), "json", "__metadata__.step"],
  ["metadata that is a list", file('{"__metadata__":["a"]}'), "json", "expected an object"],
  [
    "a boolean of 2",
    file('{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}', 1).fill(2, -1),
    "value",
    "0 or 1, it holds 2",
  ],
]

for (const [name, bytes, reason, part] of lies) {
  it(`a file that lies is a fault that says where: ${name}`, () => {
    const read = decode(bytes)
    if (E.isRight(read)) throw new Error("it was believed")
    assert.is(read.left[0]?.reason, reason)
    assert.ok(read.left[0]?.message.includes(part), `${read.left[0]?.message} should have '${part}'`)
  })
}

it("every prefix of a file is a fault", () => {
  const bytes = right(encode([
    { name: "a", dtype: "f32", shape: [3], data: Float32Array.of(1, 2, 3) },
    { name: "b", dtype: "u8", shape: [1], data: Uint8Array.of(1) },
  ]))
  for (let n = 0; n < bytes.length; n++) assert.ok(E.isLeft(decode(bytes.subarray(0, n))), `${n} bytes were believed`)
})

it("a name like an object's own is a name", () => {
  const tensors: ReadonlyArray<Stored> = ["constructor", "toString", "hasOwnProperty", ""].map((name) => (
    { name, dtype: "u8", shape: [], data: Uint8Array.of(1) }
  ))
  assert.equal(
    right(decode(right(encode(tensors)))).tensors.map((x) => x.name).sort(),
    tensors.map((x) => x.name).sort(),
  )
})

it("all faults of a header are gathered", () => {
  const read = decode(file('{"a":{"dtype":"X","shape":[],"data_offsets":[0,0]},"b":1,"__metadata__":{"c":2}}'))
  assert.equal(E.isLeft(read) ? read.left.map((f) => f.where).sort() : [], ["__metadata__.c", "a", "b"])
})

it("what cannot be written is a fault", () => {
  const a: Stored = { name: "a", dtype: "f32", shape: [1], data: Float32Array.of(1) }
  const wrong: ReadonlyArray<ReadonlyArray<Stored>> = [
    [a, a],
    [{ ...a, name: "__metadata__" }],
    [{ ...a, name: "x.__proto__" }],
    [{ ...a, shape: [2] }],
    [{ ...a, data: Float64Array.of(1) }],
    [{ ...a, data: Uint16Array.of(1, 2) }],
  ]
  for (const tensors of wrong) assert.ok(E.isLeft(encode(tensors)))
})

it("random bytes: a file or a fault, never a crash", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const read = decode(bytes)
      assert.ok(E.isRight(read) || read.left.every((f) => f._tag === "FileFault" && f.message.length > 0))
    }),
    { seed: 2, numRuns: 500 },
  ))

const json = fc.json({ maxDepth: 3 })
it("random JSON as a header: a file or a fault, never a crash", () =>
  fc.assert(fc.property(json, fc.nat(20), (text, data) => void decode(file(text, data))), { seed: 3, numRuns: 500 }))

it("mutated files: a file or a fault, never a crash, and never an element outside of the file", () =>
  fc.assert(
    fc.property(
      several,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(3),
      (tensors, edits, cut) => {
        const bytes = right(encode(tensors)).slice()
        for (const [at, value] of edits) bytes[at % bytes.length] = value
        const read = decode(bytes.subarray(0, bytes.length - cut))
        if (E.isRight(read)) {
          const held = read.right.tensors.reduce((n, x) => n + x.data.byteLength, 0)
          assert.ok(held <= bytes.length - cut)
        }
      },
    ),
    { seed: 4, numRuns: 1000 },
  ))

it("a header can be read before the rest of a large file", () => {
  const bytes = right(encode([{ name: "a", dtype: "f32", shape: [1000], data: new Float32Array(1000) }]))
  const header = right(decodeHeader(bytes.subarray(0, 200), bytes.length))
  assert.equal(header.entries, [{ name: "a", dtype: "f32", shape: [1000], start: 0, end: 4000 }])
  assert.is(header.dataStart, bytes.length - 4000)
})

it.run()
