/** Text of small kernels, as it was looked at and found good, and how loops and products are cut. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Index, Loop } from "../../../core/kernel/kernel.ts"
import { adapterClass, tunings, within } from "../../../core/wgsl/capability.ts"
import { chooseTile } from "../../../core/wgsl/contract.ts"
import { lie } from "../../../core/wgsl/emitter.ts"
import { wgsl } from "../../../core/wgsl/kernel.ts"
import { loop } from "../../../core/wgsl/loop.ts"
import { library } from "../../../core/wgsl/math.ts"
import { fold2 } from "../../../core/wgsl/shader.ts"
import { along, generous, load, slots, tuning } from "./build.ts"

const it = suite("core/wgsl")

const acc = { tag: "acc", dtype: "f32", id: 0 } as const

/** Rows less their greatest element. */
const rows: Loop = {
  tag: "loop",
  dims: [6],
  over: [32],
  stages: [
    { tag: "fold", folds: [{ id: 0, fn: "max", dtype: "f32", value: load(0, along(32, 1)) }] },
    {
      tag: "sweep",
      stores: [{
        buffer: 1,
        at: along(32, 1),
        value: { tag: "binary", dtype: "f32", fn: "sub", x: load(0, along(32, 1)), y: acc },
      }],
    },
  ],
}

const golden = `@group(0) @binding(0) var<storage, read> b0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> b1: array<vec4<f32>>;
var<workgroup> s0_f32: array<f32, 64>;
var<private> o_inf_bits: u32 = 0x7f800000u;
fn o_inf() -> f32 { return bitcast<f32>(o_inf_bits); }
fn o_isnan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn o_max(x: f32, y: f32) -> f32 { return select(select(y, x, x > y), x + y, o_isnan(x) || o_isnan(y)); }
var<private> o_nan_bits: u32 = 0x7fc00000u;
fn o_nan() -> f32 { return bitcast<f32>(o_nan_bits); }
fn o_sub(x: f32, y: f32) -> f32 {
  let a = bitcast<u32>(x);
  let b = bitcast<u32>(y);
  let lost = (a & 0x7fffffffu) > 0x7f800000u || (b & 0x7fffffffu) > 0x7f800000u || (a == b && (a & 0x7fffffffu) == 0x7f800000u);
  return select(x - y, o_nan(), lost);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lid: u32) {
  let gid = group.x;
  let lane = lid % 8u;
  let row = lid / 8u;
  let unit = gid * 8u + row;
  let p = min(unit, 5u);
  let live = unit < 6u;
  let v0 = i32(p);
  var fold0 = -o_inf();
  for (var i = lane; i < 8u; i = i + 8u) {
    let v1_0 = i32(i) * 4;
    let v1_1 = v1_0 + 1;
    let v1_2 = v1_0 + 2;
    let v1_3 = v1_0 + 3;
    let t1 = v0 * 32 + v1_0;
    let t2 = b0[u32(t1) >> 2u];
    fold0 = o_max(fold0, o_max(o_max(t2.x, t2.y), o_max(t2.z, t2.w)));
  }
  workgroupBarrier();
  s0_f32[lid] = fold0;
  for (var h = 4u; h > 0u; h = h >> 1u) {
    workgroupBarrier();
    if (lane < h) {
      s0_f32[lid] = o_max(s0_f32[lid], s0_f32[lid + h]);
    }
  }
  workgroupBarrier();
  fold0 = s0_f32[row * 8u];
  let a0_3 = fold0;
  if (live) {
    for (var i = lane; i < 8u; i = i + 8u) {
      let v1_0 = i32(i) * 4;
      let v1_1 = v1_0 + 1;
      let v1_2 = v1_0 + 2;
      let v1_3 = v1_0 + 3;
      let t4 = v0 * 32 + v1_0;
      let t5 = b0[u32(t4) >> 2u];
      let t6 = o_sub(t5.x, a0_3);
      let t7 = o_sub(t5.y, a0_3);
      let t8 = o_sub(t5.z, a0_3);
      let t9 = o_sub(t5.w, a0_3);
      b1[u32(t4) >> 2u] = vec4<f32>(t6, t7, t8, t9);
    }
  }
}
`

it("rows less their greatest element: the golden text", () => {
  const made = loop(rows, { slots: slots([192, 192], [1]), capability: generous, tuning })
  assert.is(made.code, golden)
  assert.equal([made.grid, made.turns, made.clear], [[1, 1], 0, []])
})

it("a workgroup that is one row joins by subgroups where there are any", () => {
  const one: Loop = { ...rows, dims: [2], over: [4096] }
  const b = { slots: slots([8192, 8192], [1]), tuning }
  const { code } = loop(one, { ...b, capability: { ...generous, subgroups: true } })
  assert.match(code, /enable subgroups;[^]*subgroupShuffleXor/)
  assert.not.match(loop(one, { ...b, capability: generous }).code, /subgroup/)
  // several rows in a workgroup: a subgroup might hold lanes of two of them
  assert.not.match(loop(rows, { ...b, capability: { ...generous, subgroups: true } }).code, /subgroup/)
})

it("equal kernels have equal text, so pipelines are found again", () => {
  const b = { slots: slots([192, 192], [1]), capability: generous, tuning }
  assert.is(wgsl(structuredClone(rows), b).code, wgsl(rows, b).code)
})

it("dispatches are folded into two dimensions beyond the adapter's limit, whatever it is", () => {
  assert.equal(fold2(65535, 65535), [65535, 1])
  assert.equal(fold2(65536, 65535), [65535, 2])
  assert.equal(fold2(0, 65535), [0, 0])
  const [x, y] = fold2(1000, 7)
  assert.ok(x === 7 && x * y >= 1000 && x * (y - 1) < 1000)
  const map: Loop = {
    tag: "loop",
    dims: [1001],
    over: [],
    stages: [{ tag: "point", stores: [{ buffer: 1, at: along(1), value: load(0, along(1)) }] }],
  }
  const b = {
    slots: slots([1001, 1001], [1]),
    capability: { ...generous, maxGroups: 2 },
    tuning: { ...tuning, map: 64 },
  }
  const { code, grid } = loop(map, b)
  assert.equal(grid, [2, 8])
  assert.match(code, "group.y * 2u + group.x")
})

it("lanes of an index: alike, side by side, or neither", () => {
  const mod = (of: Index, by: number): Index => ({ base: 0, terms: [{ coef: 1, atom: { tag: "mod", of, by } }] })
  const div = (of: Index, by: number): Index => ({ base: 0, terms: [{ coef: 1, atom: { tag: "div", of, by } }] })
  const of = (i: Index) => lie(i, 1, 4).lanes
  assert.is(of(along(32, 1)), "unit")
  assert.is(of(along(32, 2)), "other")
  assert.is(of(along(32)), "same")
  assert.equal(lie({ ...along(32, 1), base: 2 }, 1, 4), { lanes: "unit", multiple: 2 })
  assert.is(of(mod(along(32, 1), 8)), "unit")
  assert.is(of(mod(along(32, 1), 6)), "other")
  assert.is(of(mod(along(3, 1), 8)), "other", "a row begins anywhere in the eight")
  assert.is(of(div(along(32, 1), 8)), "same")
  assert.is(of(div(along(32, 1), 6)), "other")
})

it("an element of less than a word is stored by whole words where lanes lie side by side, else by atomics", () => {
  const flags = (n: number): Loop => ({
    tag: "loop",
    dims: [n],
    over: [],
    stages: [{
      tag: "point",
      stores: [{
        buffer: 1,
        at: along(1),
        value: {
          tag: "binary",
          dtype: "bool",
          fn: "gt",
          x: load(0, along(1)),
          y: { tag: "const", dtype: "f32", value: 0 },
        },
      }],
    }],
  })
  const text = (n: number) =>
    loop(flags(n), { slots: slots([n, n], [1], ["f32", "bool"]), capability: generous, tuning }).code
  assert.match(text(64), "b1: array<u32>")
  assert.not.match(text(64), /atomic/)
  assert.match(text(63), "b1: array<atomic<u32>>")
})

it("a tile leaves enough workgroups, or is the smallest", () => {
  const { tiles } = tuning
  assert.is(chooseTile(tiles, 96, 4096, 4096, 1), tiles[0])
  assert.is(chooseTile(tiles, 96, 64, 64, 1), tiles.at(-1))
  assert.is(chooseTile(tiles, 96, 512, 512, 64), tiles[0])
  const thin = chooseTile(tiles, 96, 20, 20, 10000)
  assert.ok(thin.rows < 40 && thin.cols < 40, "not a tile of which most would be wasted")
})

it("the tuning table stays within what an adapter can do", () => {
  for (const [name, t] of Object.entries(tunings)) {
    const least = { ...generous, maxInvocations: 128, maxSizeX: 128, workgroupBytes: 8192 }
    const cut = within(t, least)
    assert.ok(cut.map <= 128 && cut.row <= 128, name)
    for (const x of cut.tiles) assert.ok(x.rows / x.m * (x.cols / x.n) <= 128, `${name}: ${JSON.stringify(x)}`)
    assert.ok(cut.tiles.length > 0, `${name} has no tile for small adapters`)
  }
  assert.is(adapterClass("nvidia", "hopper", "H200"), "nvidia")
  assert.is(adapterClass("mesa", "", "llvmpipe (LLVM 15)"), "software")
  assert.is(adapterClass("", "", ""), "default")
})

it("the library gives what is needed once, needed ones first", () => {
  const text = library(["o_tanh", "o_exp"])
  assert.is(text.match(/fn o_exp\(/g)?.length, 1)
  assert.ok(text.indexOf("fn o_exp(") < text.indexOf("fn o_tanh("))
  assert.is(library([]), "")
})

it.run()
