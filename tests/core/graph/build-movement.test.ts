/** Constructors that move elements: axes and sizes that come out, sentences about what cannot be. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as b from "../../../core/graph/build.ts"
import { bad, good, x } from "./nodes.ts"

const it = suite("constructors of moved nodes")

it("aligns, transposes, broadcasts", () => {
  good(b.align(x("a 2"), ["b", "a"], [3, 2]), "f32[b 3, a 2]")
  const same = x("a 2")
  assert.is(b.align(same, ["a"], [2]), same)
  good(b.transpose(x("a 2 b 3"), ["b", "a"]), "f32[b 3, a 2]")
  good(b.broadcast(x("a 2"), ["b"], [3]), "f32[b 3, a 2]")
  bad(
    b.align(x("a 2 b 3"), ["b"], [4]),
    "f32[b 4]",
    "NameFault align: no axis 'a' in f32[b 4]; its axes are 'b'",
    "SizeFault align: axis 'b' is 3 in f32[a 2, b 3] and 4 in f32[b 4]; slice, pad or rename one",
  )
  bad(
    b.transpose(x("a 2 b 3"), ["b", "c", "c"]),
    "f32[a 2, b 3]",
    "NameFault transpose: no axis 'c' in f32[a 2, b 3]; its axes are 'a', 'b'",
    "NameFault transpose: no axis 'c' in f32[a 2, b 3]; its axes are 'a', 'b'",
    "NameFault transpose: axis 'c' is given twice; name it once",
    "NameFault transpose: [b c c] leaves out 'a' of f32[a 2, b 3]; name all axes",
  )
})

it("renames, splits, merges", () => {
  good(b.rename(x("a 2 b 3"), { a: "b", b: "a" }), "f32[b 2, a 3]")
  good(b.split(x("a 6 b 1"), "a", ["p", "q"], { q: 2 }), "f32[p 3, q 2, b 1]")
  good(b.split(x("a 0"), "a", ["p", "q"], { q: 2 }), "f32[p 0, q 2]")
  good(b.merge(x("a 2 b 3 c 4"), ["b", "c"], "n"), "f32[a 2, n 12]")
  good(b.merge(x("a 2 b 3"), ["a"], "n"), "f32[n 2, b 3]")
  good(b.reshape(x("a 2 b 3"), ["c"], [6]), "f32[c 6]")
  bad(
    b.rename(x("a 2"), { b: "c" }),
    "f32[a 2]",
    "NameFault rename: no axis 'b' in f32[a 2]; its axes are 'a'",
  )
  bad(
    b.rename(x("a 2 b 3"), { a: "b" }),
    "f32[b 2, b 3]",
    "NameFault rename: axis 'b' would stand twice in [b b]; rename one first",
  )
  bad(
    b.split(x("a 6"), "a", ["p", "q"], { q: 4 }),
    "f32[p 1, q 4]",
    "SizeFault split: axis 'a' of f32[a 6] is 6, which is not p ?, q 4; choose sizes whose product is 6",
  )
  bad(
    b.split(x("a 6"), "a", ["p", "q"]),
    "f32[p 1, q 1]",
    "SizeFault split: sizes of 'p', 'q' are open; give all of them but one",
  )
  bad(
    b.split(x("a 6"), "a", ["p", "q"], { p: 3, r: 2 }),
    "f32[p 3, q 2]",
    "NameFault split: size of 'r' is given, but the parts are 'p', 'q'",
  )
  bad(
    b.split(x("a 6"), "b", ["p", "q"], { p: 3 }),
    "f32[p 3, q 1]",
    "NameFault split: no axis 'b' in f32[a 6]; its axes are 'a'",
  )
  bad(
    b.merge(x("a 2 b 3 c 4"), ["c", "b"], "n"),
    "f32[a 2, n 12]",
    "NameFault merge: [c b] does not stand side by side in f32[a 2, b 3, c 4]; transpose first",
  )
  bad(
    b.merge(x("a 2"), [], "n"),
    "f32[n 1, a 2]",
    "NameFault merge: no axes to merge into 'n'; name some",
  )
  bad(
    b.reshape(x("a 2 b 3"), ["c"], [5]),
    "f32[c 5]",
    "SizeFault reshape: f32[a 2, b 3] has 6 elements, f32[c 5] has 5",
  )
})

it("slices, flips, pads", () => {
  good(b.slice(x("a 5 b 2"), [4, 0], [2, 2], [-3, 1]), "f32[a 2, b 2]")
  good(b.sliceAxis(x("a 5"), "a", 5, 0), "f32[a 0]")
  const same = x("a 5")
  assert.is(b.sliceAxis(same, "a", 0, 5), same)
  good(b.flip(x("a 5 b 0"), ["a", "b"]), "f32[a 5, b 0]")
  good(b.pad(x("a 3"), [1], [2], [9]), "f32[a 9]")
  good(b.padAxis(x("a 0 b 1"), "a", 1, 2, -Infinity, 5), "f32[a 3, b 1]")
  bad(
    b.sliceAxis(x("a 5"), "a", 3, 4),
    "f32[a 4]",
    "SizeFault slice: axis 'a' of f32[a 5] has places 0 to 4; 4 from 3 by 1 goes beyond",
  )
  bad(
    b.sliceAxis(x("a 5"), "b", 3, 4),
    "f32[a 5]",
    "NameFault slice: no axis 'b' in f32[a 5]; its axes are 'a'",
  )
  bad(b.flip(x("a 5"), ["b"]), "f32[a 5]", "NameFault flip: no axis 'b' in f32[a 5]; its axes are 'a'")
  bad(b.padAxis(x("a 5"), "b", 1, 1), "f32[a 5]", "NameFault pad: no axis 'b' in f32[a 5]; its axes are 'a'")
  bad(
    b.padAxis(x("a 5", "i32"), "a", -1, 0, 0.5),
    "i32[a 4]",
    "ValueFault pad: 0.5 is no i32; round it, or cast the other argument to f32 first",
    "SizeFault pad: what is put before 'a' is -1; expected a whole number from 0",
  )
  bad(
    b.padAxis(x("a 5"), "a", 0, -1),
    "f32[a 4]",
    "SizeFault pad: axis 'a' of f32[a 5] does not fit into 4; pad by 0 or more, slice to cut",
  )
})

it("puts together and cuts into windows", () => {
  good(b.concat([x("a 2 b 3"), x("b 3 a 0"), x("a 1 b 3")], "a"), "f32[a 3, b 3]")
  good(b.stack([x("b 3"), x("b 3", "f32", "other")], "a"), "f32[a 2, b 3]")
  const one = x("a 2")
  assert.is(b.concat([one], "a"), one)
  good(b.window(x("a 7 b 1"), "a", "tap", 3, 2, 2), "f32[a 2, tap 3, b 1]")
  bad(
    b.concat([x("a 2 b 3"), x("a 1 c 3", "i32")], "a"),
    "f32[a 3, b 3]",
    "DTypeFault concat: f32[a 2, b 3] and i32[a 1, c 3] have different dtypes; cast one to the other's",
    "NameFault concat: no axis 'b' in i32[a 1, c 3]; its axes are 'a', 'c'",
    "NameFault concat: no axis 'c' in f32[a 2, b 3]; its axes are 'a', 'b'",
  )
  bad(
    b.concat([x("a 2 b 3"), x("a 1 b 4")], "a"),
    "f32[a 3, b 3]",
    "SizeFault concat: axis 'b' is 3 in f32[a 2, b 3] and 4 in f32[a 1, b 4]; slice, pad or rename one",
  )
  bad(b.concat([], "a"), "f32[a 0]", "ValueFault concat: no tensors to put along 'a'; give one at least")
  bad(
    b.window(x("a 4"), "a", "tap", 3, 1, 2),
    "f32[a 1, tap 1]",
    "SizeFault window: axis 'a' of f32[a 4] is shorter than a window of 5; pad it first",
  )
  bad(
    b.window(x("a 4"), "a", "tap", 0, 0.5, 1),
    "f32[a 1, tap 1]",
    "SizeFault window: its size is 0; expected a whole number from 1",
    "SizeFault window: its stride is 0.5; expected a whole number from 1",
  )
})

it.run()
