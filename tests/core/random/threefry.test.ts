import { suite } from "uvu"
import * as assert from "uvu/assert"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import { hostWords, threefry } from "../../../core/random/threefry.ts"
import {
  hostBits,
  hostFold,
  hostInt,
  hostKey,
  hostNormal,
  hostPermutation,
  hostSplit,
  hostUniform,
} from "../../../core/random/host.ts"

const it = suite("random numbers on the host")

it("gives the known answers of Random123 for threefry2x32 with 20 rounds", () => {
  const ones = 0xffffffff
  assert.equal(threefry(hostWords, [0, 0], [0, 0]), [0x6b200159, 0x99ba4efe])
  assert.equal(threefry(hostWords, [ones, ones], [ones, ones]), [0x1cb996fc, 0xbb002be7])
  assert.equal(threefry(hostWords, [0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3]), [0xc4923a9c, 0x483df7a0])
})

it("keys: seeds beyond 32 bits, folds and splits differ", () => {
  const keys = [hostKey(0), hostKey(1), hostKey(2 ** 32), hostFold(hostKey(0), 0), ...hostSplit(hostKey(1), 3)]
  assert.is(new Set(keys.map((k) => [...k.data].join())).size, keys.length)
  assert.equal([...hostKey(2 ** 32 + 5).data], [1, 5])
  assert.equal(hostSplit(hostKey(7), 2)[1], hostFold(hostKey(7), 1))
})

const moments = (xs: ArrayLike<number>): readonly [number, number] => {
  const list = Array.from(xs)
  const mean = list.reduce((a, b) => a + b, 0) / list.length
  return [mean, list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length]
}

it("uniform and normal have their moments", () => {
  const n = 20000
  const u = hostUniform(hostKey(3), f32("a", { a: n }))
  assert.ok([...u.data].every((x) => x >= 0 && x < 1))
  const [mean, variance] = moments(u.data)
  assert.ok(Math.abs(mean - 0.5) < 0.01 && Math.abs(variance - 1 / 12) < 0.003, `${mean} ${variance}`)
  const wide = hostUniform(hostKey(3), f32("a", { a: n }), -2, 4)
  assert.ok(Math.abs(moments(wide.data)[0] - 1) < 0.06)
  const [zero, one] = moments(hostNormal(hostKey(4), f32("a", { a: n })).data)
  assert.ok(Math.abs(zero) < 0.03 && Math.abs(one - 1) < 0.04, `${zero} ${one}`)
})

it("whole numbers fill their range evenly", () => {
  const draws = [...hostInt(hostKey(5), i32("a", { a: 6000 }), -1, 5).data]
  for (let v = -1; v < 5; v++) {
    const times = draws.filter((d) => d === v).length
    assert.ok(Math.abs(times - 1000) < 150, `${v}: ${times}`)
  }
})

it("permutations hold every number once, and are the order of the bits", () => {
  const p = hostPermutation(hostKey(6), 100)
  assert.equal([...p].sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i))
  const bits = hostBits(hostKey(6), 100)
  assert.ok(p.every((at, i) => i === 0 || bits[p[i - 1]!]! <= bits[at]!))
})

it.run()
