/**
 * The loop.
 * @module
 */
import { resultsOf } from "../attention.ts"
import { fault, type Faults } from "../fault.ts"
import { alike, lacking, make, none, show, whole } from "../make.ts"
import { type Body, type Node, sizeOf, topological } from "../node.ts"

/** What a scan runs over and how. */
export interface Scan {
  readonly body: Body
  /** First values of the carries. */
  readonly inits: ReadonlyArray<Node>
  /** Each gives its slices along `axis`, one a turn. */
  readonly sequences: ReadonlyArray<Node>
  /** The same at every turn. */
  readonly constants: ReadonlyArray<Node>
  readonly axis: string
  readonly length: number
  readonly reverse: boolean
}

const paired = (what: string, expected: ReadonlyArray<Node>, got: ReadonlyArray<Node>): Faults => {
  if (expected.length !== got.length) {
    return [fault("RuleFault", "scan", `the body has ${expected.length} ${what}, got ${got.length}; give as many`)]
  }
  return expected.flatMap((e, i) =>
    e.dtype === got[i]!.dtype && alike(e, got[i]!)
      ? []
      : [fault("RuleFault", "scan", `${what} ${i} is ${show(e)} in the body, got ${show(got[i]!)}; make them the same`)]
  )
}

const slices = ({ sequences, axis, length, body }: Scan): Faults =>
  sequences.flatMap((s, i): Faults => {
    const wrong = lacking("scan", s, [axis])
    if (wrong.length > 0) return wrong
    if (sizeOf(s, axis) !== length) {
      return [
        fault(
          "SizeFault",
          "scan",
          `axis '${axis}' of ${show(s)} is ${sizeOf(s, axis)}, expected ${length} as in the others`,
        ),
      ]
    }
    const kept = s.axes.filter((a) => a !== axis)
    const each = { dtype: s.dtype, axes: kept, shape: kept.map((a) => sizeOf(s, a)!) }
    const want = body.each[i]
    return want !== undefined && want.dtype === s.dtype && alike(want, each) ? none : [
      fault(
        "RuleFault",
        "scan",
        `a slice of sequence ${i} is ${show(each)}, the body takes ${want === undefined ? "none" : show(want)}`,
      ),
    ]
  })

/** Ranks meet between the steps of a program, and a loop is one step. */
const collective = (): Faults[number] =>
  fault("RuleFault", "scan", "a collective stands in the body of a loop; put the loop inside, between collectives")

/** The loop itself; `pick` takes its results. Faults in the body are the scan's. */
export const scan = (s: Scan): Node => {
  const { body, axis, length, reverse } = s
  const inside = topological([...body.next, ...body.out])
  const faults = [
    ...inside.flatMap((n) => n.faults),
    ...(inside.some((n) => n.op.tag === "exchange") ? [collective()] : none),
    ...whole("scan", `the length of '${axis}'`, length, 0),
    ...paired("carries", body.carry, s.inits),
    ...paired("new carries", body.carry, body.next),
    ...paired("constants", body.constants, s.constants),
    ...(body.each.length === s.sequences.length ? slices(s) : [
      fault(
        "RuleFault",
        "scan",
        `the body has ${body.each.length} sequences, got ${s.sequences.length}; give as many`,
      ),
    ]),
  ]
  const args = [...s.inits, ...s.sequences, ...s.constants]
  const kind = { dtype: "f32", axes: [], shape: [] } as const
  return make("scan", { tag: "scan", body, axis, length, reverse }, args, kind, faults)
}

/**
 * Result `index` of a scan: final carries first, then what was stacked, with the axis of the scan in front; or of an
 * attention.
 */
export const pick = (loop: Node, index: number): Node => {
  const { op } = loop
  if (op.tag === "attend") {
    const kinds = resultsOf(op, loop.args)
    const wrong = whole("pick", "the number of the result", index, 0, kinds.length - 1)
    return make("pick", { tag: "pick", index }, [loop], kinds[index] ?? loop, wrong)
  }
  if (op.tag !== "scan") {
    const wrong = fault("RuleFault", "pick", `takes a result of a scan or an attention, got one of ${op.tag}`)
    return make("pick", { tag: "pick", index }, [loop], loop, [wrong])
  }
  const { carry, out } = op.body
  const kind = index < carry.length ? carry[index] : out[index - carry.length]
  if (kind === undefined) {
    const wrong = whole("pick", "the number of the result", index, 0, carry.length + out.length - 1)
    return make("pick", { tag: "pick", index }, [loop], loop, wrong)
  }
  const stacked = index < carry.length ? kind : {
    dtype: kind.dtype,
    axes: [op.axis, ...kind.axes],
    shape: [op.length, ...kind.shape],
  }
  return make("pick", { tag: "pick", index }, [loop], stacked)
}
