/**
 * The meaning of a graph: plain loops over named axes in float64, slow and obviously right. Gradient rules, rewrites
 * and kernels are held to it. Every value is kept as numbers in a `Float64Array`, whatever its dtype: integers are
 * exact and wrap around, booleans are 0 and 1, floats are *not* rounded to f32; only `cast` to a half rounds, and
 * `bitcast` goes through the stored form.
 * @module
 */
import { either as E } from "fp-ts"
import type { DType } from "../tensor/dtype.ts"
import { dtypes } from "../tensor/dtype.ts"
import { attendMeaning } from "./attention-meaning.ts"
import type { Faults } from "./fault.ts"
import { fault } from "./fault.ts"
import type { BinaryFn, CumulateFn, Node, Op, ReduceFn } from "./node.ts"
import { count, sizeOf, topological } from "./node.ts"
import type { Scalar2 } from "./scalar.ts"
import { binary, bitcast, cast, unary, wrap } from "./scalar.ts"
import type { Value } from "./value.ts"
import { copy, numbers, rowMajor, strides, union, walk } from "./value.ts"

/** Values by the names of the `input` nodes; a `Uint16Array` given for a half holds its bits. */
export type Inputs = { readonly [name: string]: ArrayLike<number> }

/** What a fold over nothing gives. */
export const identity = (fn: ReduceFn | CumulateFn, dtype: DType): number => {
  const { kind, min, max } = dtypes[dtype]
  if (fn === "sum" || fn === "argmax" || fn === "argmin") return 0
  if (fn === "prod") return 1
  return kind === "float" ? (fn === "max" ? -Infinity : Infinity) : fn === "max" ? min : max
}

const folds: { readonly [F in CumulateFn]: BinaryFn } = { sum: "add", prod: "mul", max: "max", min: "min" }

const folding = (fn: CumulateFn, dtype: DType): Scalar2 =>
  dtype === "bool" ? (fn === "sum" || fn === "max" ? Math.max : Math.min) : binary(folds[fn], dtype)

/** Is x further out than y? NaN is the furthest out either way. */
const beats = (fn: "argmax" | "argmin", x: number, y: number): boolean =>
  Number.isNaN(x) ? !Number.isNaN(y) : fn === "argmax" ? x > y : x < y

/** Computes the elements of one node from its arguments' values. */
type Meaning<T extends Op["tag"]> = (
  op: Extract<Op, { readonly tag: T }>,
  node: Node,
  args: ReadonlyArray<Value>,
) => ArrayLike<number>

type Tag = Exclude<Op["tag"], "input" | "scan" | "attend" | "pick">

const same = (_op: Op, _node: Node, [x]: ReadonlyArray<Value>): ArrayLike<number> => x!.data

const meanings: { readonly [T in Tag]: Meaning<T> } = {
  constant: (op, node) => new Float64Array(count(node.shape)).fill(wrap[node.dtype](op.value)),
  data: (op, node) => numbers(node.dtype, op.values),
  iota: (_op, node) => Float64Array.from({ length: node.shape[0]! }, (_, i) => i),
  unary: (op, node, [x]) => x!.data.map(unary(op.fn, node.args[0]!.dtype)),
  binary: (op, node, [x, y]) => {
    const f = binary(op.fn, node.args[0]!.dtype)
    return x!.data.map((a, i) => f(a, y!.data[i]!))
  },
  select: (_op, _node, [c, x, y]) => c!.data.map((yes, i) => yes === 0 ? y!.data[i]! : x!.data[i]!),
  cast: (_op, node, [x]) => x!.data.map(cast(node.args[0]!.dtype, node.dtype)),
  bitcast: (_op, node, [x]) => x!.data.map(bitcast(node.args[0]!.dtype, node.dtype)),
  align: (_op, node, [x]) => copy(node, x!, 0, strides(x!, node.axes)),
  reshape: same,
  slice: (op, node, [x]) => {
    const steps = strides(x!, node.axes)
    const base = steps.reduce((sum, stride, i) => sum + stride * op.start[i]!, 0)
    return copy(node, x!, base, steps.map((stride, i) => stride * op.step[i]!))
  },
  pad: (op, node, [x]) => {
    const out = new Float64Array(count(node.shape)).fill(op.value)
    const steps = strides(node, x!.axes)
    const base = steps.reduce((sum, stride, i) => sum + stride * op.low[i]!, 0)
    walk(x!.shape, [rowMajor(x!.shape), steps.map((stride, i) => stride * (op.interior[i]! + 1))], ([from, to]) => {
      out[base + to!] = x!.data[from!]!
    })
    return out
  },
  concat: (op, node, args) => {
    const out = new Float64Array(count(node.shape))
    let base = 0
    for (const x of args) {
      walk(x.shape, [rowMajor(x.shape), strides(node, x.axes)], ([from, to]) => {
        out[base + to!] = x.data[from!]!
      })
      base += x.shape[x.axes.indexOf(op.axis)]! * strides(node, [op.axis])[0]!
    }
    return out
  },
  window: (op, node, [x]) => {
    const along = strides(x!, [op.axis])[0]!
    const special: { readonly [axis: string]: number } = {
      [op.tap]: along * op.dilation,
      [op.axis]: along * op.stride,
    }
    return copy(node, x!, 0, strides(x!, node.axes).map((stride, i) => special[node.axes[i]!] ?? stride))
  },
  reduce: (op, node, [x]) => {
    const fn = op.fn
    const dtype = node.args[0]!.dtype
    const out = new Float64Array(count(node.shape)).fill(identity(fn, dtype))
    const steps = [rowMajor(x!.shape), strides(node, x!.axes)]
    if (fn === "argmax" || fn === "argmin") {
      const along = x!.axes.indexOf(op.axes[0]!)
      const best = new Float64Array(out.length)
      walk(x!.shape, steps, ([from, to], point) => {
        if (point[along] !== 0 && !beats(fn, x!.data[from!]!, best[to!]!)) return
        best[to!] = x!.data[from!]!
        out[to!] = point[along]!
      })
    } else {
      const fold = folding(fn, dtype)
      walk(x!.shape, steps, ([from, to]) => {
        out[to!] = fold(out[to!]!, x!.data[from!]!)
      })
    }
    return out
  },
  dot: (_op, node, [x, y]) => {
    const out = new Float64Array(count(node.shape))
    const box = union(x!, y!)
    const [times, plus] = [binary("mul", node.dtype), binary("add", node.dtype)]
    walk(box.shape, [strides(x!, box.axes), strides(y!, box.axes), strides(node, box.axes)], ([a, b, to]) => {
      out[to!] = plus(out[to!]!, times(x!.data[a!]!, y!.data[b!]!))
    })
    return out
  },
  gather: (op, node, [x, index]) => {
    const out = new Float64Array(count(node.shape))
    const [size, along] = [sizeOf(node.args[0]!, op.axis)!, strides(x!, [op.axis])[0]!]
    const beside = strides(x!, node.axes).map((stride, i) => node.axes[i] === op.axis ? 0 : stride)
    walk(node.shape, [rowMajor(node.shape), beside, strides(index!, node.axes)], ([to, from, at]) => {
      const row = index!.data[at!]!
      out[to!] = row >= 0 && row < size ? x!.data[from! + row * along]! : 0
    })
    return out
  },
  scatter: (op, node, [updates, index]) => {
    const out = new Float64Array(count(node.shape))
    const box = union(updates!, index!)
    const plus = folding("sum", node.dtype)
    const along = strides(node, [op.axis])[0]!
    const beside = strides(node, box.axes).map((stride, i) => box.axes[i] === op.axis ? 0 : stride)
    walk(box.shape, [beside, strides(updates!, box.axes), strides(index!, box.axes)], ([to, from, at]) => {
      const row = index!.data[at!]!
      if (row < 0 || row >= op.size) return
      const place = to! + row * along
      out[place] = plus(out[place]!, updates!.data[from!]!)
    })
    return out
  },
  cumulate: (op, node, [x]) => {
    const out = Float64Array.from(x!.data)
    const fold = folding(op.fn, node.dtype)
    const [size, stride] = [sizeOf(node, op.axis)!, strides(node, [op.axis])[0]!]
    const starts = node.shape.map((n, i) => node.axes[i] === op.axis ? Math.min(n, 1) : n)
    walk(starts, [rowMajor(node.shape)], ([start]) => {
      for (let turn = 1; turn < size; turn++) {
        const [at, before] = op.reverse ? [size - 1 - turn, size - turn] : [turn, turn - 1]
        out[start! + at * stride] = fold(out[start! + before * stride]!, out[start! + at * stride]!)
      }
    })
    return out
  },
  argsort: (op, node, [x]) => {
    const out = new Float64Array(count(node.shape))
    const [size, stride] = [sizeOf(node, op.axis)!, strides(node, [op.axis])[0]!]
    const starts = node.shape.map((n, i) => node.axes[i] === op.axis ? Math.min(n, 1) : n)
    walk(starts, [rowMajor(node.shape)], ([start]) => {
      const key = (i: number): number => x!.data[start! + i * stride]!
      const order = (a: number, b: number): number => {
        const [first, second] = [Number.isNaN(key(a)), Number.isNaN(key(b))]
        if (first || second) return Number(first) - Number(second)
        const side = key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0
        return op.descending ? -side : side
      }
      Array.from({ length: size }, (_, i) => i).sort(order).forEach((from, to) => {
        out[start! + to * stride] = from
      })
    })
    return out
  },
  nearest: ({ on, code }, node, [z, codebook]) => {
    const [features, codes] = [
      codebook!.shape[codebook!.axes.indexOf(on)]!,
      codebook!.shape[codebook!.axes.indexOf(code)]!,
    ]
    const [zOn, eOn, eCode] = [strides(z!, [on])[0]!, ...strides(codebook!, [on, code])] as [number, number, number]
    const out = new Float64Array(count(node.shape))
    walk(
      node.shape,
      [rowMajor(node.shape), strides(z!, node.axes), strides(codebook!, node.axes)],
      ([to, at, from]) => {
        let best = Infinity
        for (let c = 0; c < codes; c++) {
          let [norm, product] = [0, 0]
          for (let i = 0; i < features; i++) {
            const e = codebook!.data[from! + c * eCode + i * eOn]!
            norm += e * e
            product += e * z!.data[at! + i * zOn]!
          }
          const score = norm - 2 * product
          if (!(score < best)) continue
          best = score
          out[to!] = c
        }
      },
    )
    return out
  },
  write: ({ axis }, node, [x, updates, start]) => {
    const out = Float64Array.from(x!.data)
    const along = strides(node, [axis])[0]!
    const [size, total] = [updates!.shape[updates!.axes.indexOf(axis)]!, sizeOf(node, axis)!]
    const orders = [rowMajor(updates!.shape), strides(node, updates!.axes), strides(start!, updates!.axes)]
    walk(updates!.shape, orders, ([from, to, row]) => {
      const base = Math.max(0, Math.min(start!.data[row!]!, total - size)) * along
      out[base + to!] = updates!.data[from!]!
    })
    return out
  },
  // one rank has no meaning apart from the others: `core/mesh/local.ts` makes one graph of all of them
  exchange: (_op, node) => new Float64Array(count(node.shape)).fill(NaN),
  stop: same,
  barrier: same,
  custom: same,
}

/** Element `turn` along the axis, without the axis. */
const turnOf = (x: Value, axis: string, turn: number, like: Node): Value => {
  const data = new Float64Array(count(like.shape))
  const base = strides(x, [axis])[0]! * turn
  walk(like.shape, [rowMajor(like.shape), strides(x, like.axes)], ([to, from]) => {
    data[to!] = x.data[base + from!]!
  })
  return { axes: like.axes, shape: like.shape, data }
}

/** Final carries, then stacked outputs. */
const runScan = (
  op: Extract<Op, { readonly tag: "scan" }>,
  args: ReadonlyArray<Value>,
): ReadonlyArray<Value> => {
  const { body, axis, length } = op
  const [carries, sequences] = [body.carry.length, body.each.length]
  const stacks = body.out.map((o): Value => ({
    axes: [axis, ...o.axes],
    shape: [length, ...o.shape],
    data: new Float64Array(length * count(o.shape)),
  }))
  let carry = args.slice(0, carries)
  for (let i = 0; i < length; i++) {
    const turn = op.reverse ? length - 1 - i : i
    const bound = new Map<string, Value>([
      ...carry.map((v, k) => [`carry.${k}`, v] as const),
      ...body.each.map((like, k) => [`each.${k}`, turnOf(args[carries + k]!, axis, turn, like)] as const),
      ...args.slice(carries + sequences).map((v, k) => [`const.${k}`, v] as const),
    ])
    const results = run([...body.next, ...body.out], bound)
    carry = results.slice(0, carries)
    results.slice(carries).forEach((v, k) => stacks[k]!.data.set(v.data, turn * v.data.length))
  }
  return [...carry, ...stacks]
}

/** All values of the roots; inputs are bound by name. */
const run = (roots: ReadonlyArray<Node>, bound: ReadonlyMap<string, Value>): ReadonlyArray<Value> => {
  const values = new Map<Node, ReadonlyArray<Value>>()
  const of = (node: Node): Value => values.get(node)![0]!
  for (const node of topological(roots)) {
    const { op, axes, shape } = node
    if (op.tag === "input") values.set(node, [{ axes, shape, data: bound.get(op.name)!.data }])
    else if (op.tag === "scan") values.set(node, runScan(op, node.args.map(of)))
    else if (op.tag === "attend") values.set(node, attendMeaning(op, node, node.args.map(of)))
    else if (op.tag === "pick") {
      const { data, ...from } = values.get(node.args[0]!)![op.index]!
      values.set(node, [{ axes, shape, data: copy(node, { ...from, data }, 0, strides(from, axes)) }])
    } else {
      const meaning = meanings[op.tag] as Meaning<Tag>
      values.set(node, [{ axes, shape, data: Float64Array.from(meaning(op, node, node.args.map(of))) }])
    }
  }
  return roots.map(of)
}

/** What keeps the graph from having a meaning: its own faults, and inputs not given or of another length. */
const check = (nodes: ReadonlyArray<Node>, inputs: Inputs): Faults =>
  nodes.flatMap((node) => {
    if (node.op.tag === "exchange") {
      const said = `${node.op.collective.kind} needs its other ranks: evaluate all of them, as a local mesh does`
      return [...node.faults, fault("RuleFault", "evaluate", said)]
    }
    if (node.op.tag !== "input") return node.faults
    const { name } = node.op
    const [given, wanted] = [Object.hasOwn(inputs, name) ? inputs[name]! : undefined, count(node.shape)]
    if (given === undefined) {
      return [
        ...node.faults,
        fault("NameFault", "evaluate", `no value for the input '${name}': give one of ${wanted} elements`),
      ]
    }
    return given.length === wanted ? node.faults : [
      ...node.faults,
      fault(
        "SizeFault",
        "evaluate",
        `input '${name}' [${node.axes.map((a, i) => `${a} ${node.shape[i]}`).join(", ")}] has ${wanted} elements, ` +
          `but ${given.length} were given`,
      ),
    ]
  })

/**
 * The values of the roots, each computed once; or all that is wrong. Inputs are found by name, numbers in row-major
 * order of the input's axes.
 */
export const evaluate = (roots: ReadonlyArray<Node>, inputs: Inputs): E.Either<Faults, ReadonlyArray<Value>> => {
  const nodes = topological(roots)
  const faults = check(nodes, inputs)
  if (faults.length > 0) return E.left(faults)
  const bound = new Map(
    nodes.flatMap(({ op, dtype, axes, shape }) =>
      op.tag === "input" ? [[op.name, { axes, shape, data: numbers(dtype, inputs[op.name]!) }] as const] : []
    ),
  )
  return E.right(run(roots, bound))
}
