/** What attention refuses, each with a sentence that says what to change. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { stopGradient } from "../../core/grad/custom.ts"
import { grad } from "../../core/grad/grad.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { square } from "../../ops/elementwise.ts"
import { sum } from "../../ops/reduction.ts"
import type { GraphFault } from "../../core/graph/fault.ts"
import type { Node } from "../../core/graph/node.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import { type AnyHost, host } from "../../core/tensor/host.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import { attentionWithLogSumExp, blockwiseAttention } from "../../ops/attention.ts"
import { literal, ones, zeros } from "../../ops/literal.ts"
import { positionFaults, segmentFaults } from "../../ops/sequence.ts"

const it = suite("wrong attention")

/** Past the type checker, as JavaScript is. */
const any = (x: unknown): never => x as never

const sizes = { batch: 2, time: 6, heads: 2, head: 4 }
const q = ones(f32("batch time heads head", sizes))
const k = ones(f32("batch key heads head", { ...sizes, key: 5 }))
const longer = ones(f32("batch time heads head", { ...sizes, time: 7 }))
const whole = (n: number): Node => zeros(i32("time", { time: n }))

const values = (spec: ReturnType<typeof i32>, numbers: ReadonlyArray<number>): AnyHost => {
  const made = host(spec, numbers)
  if (E.isLeft(made)) throw new Error(made.left[0]!.message)
  return made.right
}
const falling = values(any(i32("batch time", sizes)), [0, 0, 1, 1, 2, 2, 0, 0, 1, 3, 2, 2])
const negative = values(any(i32("time", sizes)), [0, 1, 2, -3, 4, 5])
const made = (options: unknown): Node => blockwiseAttention(q, q, q, any(options))

type Case = readonly [name: string, make: () => Node, tag: GraphFault["_tag"], part: string]

const cases: ReadonlyArray<Case> = [
  ["no queries", () => blockwiseAttention(any(undefined), k, k), "ValueFault", "takes a tensor, got undefined"],
  [
    "keys that are text",
    () => blockwiseAttention(q, any("k"), any(k)),
    "ValueFault",
    'takes a tensor, got the text "k"',
  ],
  ["no values", () => blockwiseAttention(q, k, any(null)), "ValueFault", "takes a tensor, got null"],
  [
    "integers",
    () => blockwiseAttention(any(whole(6)), k, k, any({ head: "time", query: "time" })),
    "NameFault",
    "time",
  ],
  [
    "queries of another batch",
    () => blockwiseAttention(ones(f32("batch time heads head", { ...sizes, batch: 3 })), q, q),
    "SizeFault",
    "axis 'batch' is 3",
  ],
  [
    "heads of another size",
    () => blockwiseAttention(q, ones(f32("batch time heads head", { ...sizes, head: 3 })), q, {}),
    "SizeFault",
    "axis 'head' is 4",
  ],
  ["values of another length", () => blockwiseAttention(q, q, longer), "SizeFault", "axis 'key' is 6"],
  ["an axis that is not there", () => made({ query: "tiem" }), "NameFault", "no axis 'tiem'"],
  [
    "values without the keys' axes",
    () => blockwiseAttention(q, k, any(ones(f32("batch key head", { ...sizes, key: 5 })))),
    "NameFault",
    "must have the same axes",
  ],
  [
    "an option that is none",
    () => made({ casual: true }),
    "ValueFault",
    "there is no option 'casual'; known are 'query'",
  ],
  ["options that are no record", () => made("causal"), "ValueFault", "options are string"],
  [
    "query blocks of 0",
    () => made({ blocks: { query: 0 } }),
    "ValueFault",
    "blocks.query is 0; expected a whole number from 1",
  ],
  ["key blocks of -1", () => made({ blocks: { key: -1 } }), "ValueFault", "blocks.key is -1"],
  ["key blocks of 1.5", () => made({ blocks: { key: 1.5 } }), "ValueFault", "blocks.key is 1.5"],
  [
    "a causal block of 0",
    () => made({ causalBlockSize: 0 }),
    "ValueFault",
    "causalBlockSize is 0; expected a whole number",
  ],
  [
    "causal blocks that are not causal",
    () => made({ causal: false, causalBlockSize: 2 }),
    "ValueFault",
    "leave one of them",
  ],
  ["a window of 0", () => made({ window: 0 }), "ValueFault", "window is 0; expected a whole number from 1"],
  ["a window of a half", () => made({ window: 0.5 }), "ValueFault", "window is 0.5"],
  ["a scale of NaN", () => made({ scale: NaN }), "ValueFault", "scale is NaN; expected a finite number"],
  ["a cap of 0", () => made({ cap: 0 }), "ValueFault", "cap is 0; expected a finite number above 0"],
  ["too few positions", () => made({ causal: true, positions: whole(5) }), "SizeFault", "axis 'time' is 6"],
  [
    "too many positions of keys",
    () => made({ positions: { query: whole(6), key: whole(7) } }),
    "SizeFault",
    "axis 'key' is 6",
  ],
  [
    "positions of one side",
    () => made({ positions: { query: whole(6) } }),
    "ValueFault",
    "takes a tensor, got undefined",
  ],
  [
    "positions with fractions",
    () => made({ positions: ones(f32("time", sizes)) }),
    "DTypeFault",
    "takes i32, got f32[time 6]",
  ],
  ["positions that are a list", () => made({ positions: [0, 1] }), "ValueFault", "takes a tensor, got an array"],
  ["positions below 0", () => made({ positions: literal(negative) }), "ValueFault", "what stands at time 3 is -3"],
  ["segments of another length", () => made({ segments: whole(4) }), "SizeFault", "axis 'time' is 6"],
  [
    "segments of heads",
    () => made({ segments: zeros(i32("heads time model", { ...sizes, model: 3 })) }),
    "NameFault",
    "'model'",
  ],
  [
    "segments out of order",
    () => made({ segments: literal(falling) }),
    "ValueFault",
    "what stands at batch 1, time 4 is 2 after 3",
  ],
  [
    "one tensor for two sides",
    () => blockwiseAttention(q, k, k, any({ segments: whole(6) })),
    "ValueFault",
    "give { query, key }",
  ],
  [
    "a bias with a gradient",
    () => made({ bias: ones(f32("time key", { time: 6, key: 6 })) }),
    "RuleFault",
    "give stopGradient(bias)",
  ],
  [
    "a bias of another size",
    () => made({ bias: stopGradient(ones(f32("time key", { time: 6, key: 5 }))) }),
    "SizeFault",
    "'key'",
  ],
]

for (const [name, make, tag, part] of cases) {
  it(`is a fault with a sentence: ${name}`, () => {
    const faults = faultsOf([make()])
    const said = faults.map((f) => `${f._tag} ${f.op}: ${f.message}`).join("\n")
    assert.ok(faults.some((f) => f._tag === tag && f.message.includes(part)), said)
    assert.ok(faults.every((f) => f.op === "blockwiseAttention" && /attention-wrong\.test\.[tj]s/.test(f.at)), said)
  })
}

it("one mistake is one fault, of either result too", () => {
  const finished = attentionWithLogSumExp(q, q, q, any({ window: 0 }))
  for (const node of [finished.out, finished.logSumExp]) {
    assert.equal(faultsOf([node]).map((f) => `${f.op}: ${f.message}`), [
      "attentionWithLogSumExp: window is 0; expected a whole number from 1 (leave it out to see any distance)",
    ])
  }
  assert.is(finished.out.axes.join(" "), "batch time heads head")
  assert.is(finished.logSumExp.axes.join(" "), "batch time heads")
})

it("a gradient of a gradient is a fault that says what to use", () => {
  const of = (x: typeof q): F32 => sum(square(blockwiseAttention(x, q, q)))
  const twice = grad((x: typeof q) => sum(square(grad(of)(x))))(q)
  const said = faultsOf([twice]).map((f) => f.message)
  assert.ok(said.some((m) => m.includes("is differentiated once; for second derivatives, softmax")), said.join("\n"))
})

it("what is given at run time is looked at on the host", () => {
  assert.equal(segmentFaults(falling).map((f) => f.message), [
    "segments i32[batch 2, time 6]: what stands at batch 1, time 4 is 2 after 3; ids must not fall along the sequence, " +
    "so sort the examples of a row, and give padding an id of its own above the others",
  ])
  assert.equal(segmentFaults(falling, "batch"), [])
  assert.equal(segmentFaults(values(any(i32("time batch", { time: 2, batch: 3 })), [5, 1, 0, 5, 2, 0])), [])
  assert.match(positionFaults(negative)[0]!.message, "what stands at time 3 is -3; a position is 0 or more")
  assert.equal(positionFaults(values(any(i32("time", { time: 4 })), [7, 0, 1, 0])), [])
  assert.match(segmentFaults(falling, "tiem")[0]!.message, "no axis 'tiem' in i32[batch 2, time 6]")
  const floats: AnyHost = { ...negative, dtype: "f32" }
  assert.is(positionFaults(floats)[0]!._tag, "DTypeFault")
})

it.run()
