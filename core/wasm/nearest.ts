/**
 * The nearest code: a contraction of vectors and codes whose sums are looked at and forgotten, a few codes at a time.
 * Codes stand in the lanes; every lane has the least score that it saw and its code, and only at the end they are
 * compared. The norms of the codes are summed from the same panels as the products, in one order for every code, so
 * equal codes have equal scores. Lanes behind the last code hold anything; their norms are infinite, so that none is near.
 * @module
 */
import type { Contract, Loop, Nearest } from "../kernel/kernel.ts"
import { branchIf, call, type Code, type Func, func, type Local, loop, select, type Value, when } from "./assembler.ts"
import { type LowerLoop, storeBlock } from "./contract-loop.ts"
import { type ContractPlan, type Placed, prepare, sizesAlong } from "./contract.ts"
import { type Groups, groupsOf } from "./contract-operand.ts"
import { searchBlocks } from "./contract-plan.ts"
import { minimum, sumsOf, type Task } from "./contract-sums.ts"
import { mainPhase, panelBytes, turnsOf, versionOf, whichSize } from "./contract-task.ts"
import { multiplyAdd } from "./contract-tile.ts"
import { forUp } from "./emit.ts"
import { f32, f32x4, i32, i32x4, v128 } from "./instructions.ts"
import { type Features, type KernelCode, type KernelContext, kernelFunc, type Phase } from "./kernel.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** Bytes of a row's state: the least scores of four lanes, and their codes. */
const stateBytes = 32

/** `(panel, to)`: the sums of squares of a panel of `width` codes, each over the depth in order. */
const panelNorms = (features: Features, width: number, depth: number): Func =>
  func(`norms${width}`, ["i32", "i32"], [], ({ params, local }) => {
    const [panel, to] = params as [Local<"i32">, Local<"i32">]
    const fuse = multiplyAdd("f32", features)
    const sums = range(width / 4).map((j) => local("v128", `n${j}`))
    const code = local("v128", "e"), end = local("i32", "end")
    return [
      end.set(i32.add(panel, 4 * width * depth)),
      when(
        i32.ne(panel, end),
        loop((again) => [
          sums.map((s, j) => [code.set(v128.load(panel, 16 * j)), s.set(fuse(code, code, s))]),
          branchIf(again, i32.ne(panel.tee(i32.add(panel, 4 * width)), end)),
        ]),
      ),
      sums.map((s, j) => v128.store(to, s, 16 * j)),
    ]
  })

/** `(products, norms, state, first, count)`: looks at a row's products with `count` vectors of codes from `first` on. */
const look: Func = func("look", ["i32", "i32", "i32", "i32", "i32"], [], ({ params, local }) => {
  const [products, norms, state, first, count] = params as ReadonlyArray<Local<"i32">>
  const [best, codes, now, score, less] = ["best", "codes", "now", "score", "less"].map((n) => local("v128", n)) as [
    Local<"v128">,
    Local<"v128">,
    Local<"v128">,
    Local<"v128">,
    Local<"v128">,
  ]
  return [
    best.set(v128.load(state!)),
    codes.set(v128.load(state!, 16)),
    now.set(range(4).slice(1).reduce((v, l) => i32x4.replace(v, l, i32.add(first!, l)), i32x4.splat(first!))),
    when(
      count!,
      loop((again) => [
        score.set(v128.load(products!)),
        score.set(f32x4.sub(v128.load(norms!), f32x4.add(score, score))),
        less.set(f32x4.lt(score, best)),
        best.set(v128.bitselect(score, best, less)),
        codes.set(v128.bitselect(now, codes, less)),
        now.set(i32x4.add(now, i32x4.splat(4))),
        products!.set(i32.add(products!, 16)),
        norms!.set(i32.add(norms!, 16)),
        branchIf(again, count!.tee(i32.sub(count!, 1))),
      ]),
    ),
    v128.store(state!, best),
    v128.store(state!, codes, 16),
  ]
})

/** `(state, to)`: the code of the least of the lanes' scores, the lowest of equals. */
const settle: Func = func("settle", ["i32", "i32"], [], ({ params, local }) => {
  const [state, to] = params as [Local<"i32">, Local<"i32">]
  const scores = local("v128", "scores"), codes = local("v128", "codes")
  const best = local("f32", "best"),
    code = local("i32", "code"),
    next = local("i32", "next"),
    less = local("i32", "less")
  return [
    scores.set(v128.load(state)),
    codes.set(v128.load(state, 16)),
    best.set(f32x4.extract(scores, 0)),
    code.set(i32x4.extract(codes, 0)),
    range(4).slice(1).map((l) => {
      const score = f32x4.extract(scores, l)
      return [
        next.set(i32x4.extract(codes, l)),
        less.set(i32.or(f32.lt(score, best), i32.and(f32.eq(score, best), i32.ltS(next, code)))),
        code.set(select(less, next, code)),
        best.set(select(less, score, best)),
      ]
    }),
    i32.store(to, code),
  ]
})

/** Where things lie: the norms in shared memory; a row's state, and its code, in the thread's own. */
interface Places {
  readonly norms: number
  readonly state: number
  readonly found: number
}

/** Bytes of the norms of one version of the codes. */
const normBytes = (codes: number): number => 16 * Math.ceil(codes / 4)

/** The norms of all codes, from their panels. */
const normPhase = (p: ContractPlan, at: Places): Phase => {
  const { tileCols } = p.blocks
  const codes = p.groups.cols.count, depth = p.groups.depth.count
  const panels = Math.ceil(codes / tileCols)
  const rest = codes % tileCols
  const [whole, last] = [tileCols, 4 * Math.ceil(rest / 4)].map((width) => panelNorms(p.context.features, width, depth))
  const run = kernelFunc("norms", p.context, (scope, args) => {
    const task = scope.local("i32", "task"), version = scope.local("i32", "version"), code = scope.local("i32", "code")
    const from = i32.add(
      i32.add(i32.add(args.shared, p.panelsAt), i32.mul(version, panelBytes(p))),
      i32.mul(code, 4 * depth),
    )
    const to = i32.add(
      i32.add(i32.add(args.shared, at.norms), i32.mul(version, normBytes(codes))),
      i32.mul(code, 4),
    )
    const wide = call(whole!, from, to)
    const behind = range((4 - rest % 4) % 4).map((l) => f32.store(to, f32.const(Infinity), 4 * (rest + l)))
    return forUp(task, args.lo, args.hi, 1, [
      version.set(i32.divU(task, panels)),
      code.set(i32.mul(i32.remU(task, panels), tileCols)),
      rest === 0 ? wide : when(i32.gtS(code, codes - tileCols), [call(last!, from, to), behind], wide),
    ])
  })
  return {
    tasks: p.rightVersions * panels,
    grain: Math.max(1, Math.floor(30000 / Math.max(1, tileCols * depth / 4))),
    func: run,
  }
}

/** The codes of a task's rows: the sums of a few codes after the other, looked at while they are near. */
const searchOf = (at: Places, stores: ReadonlyMap<number, Placed>) => (p: ContractPlan, t: Task): Code => {
  const make = (name: string): Local<"i32"> => t.scope.local("i32", name)
  const from = make("from"), to = make("to"), row = make("row"), norms = make("norms")
  const codes = p.groups.cols.count
  const own = (offset: number): Value<"i32"> => i32.add(t.args.scratch, offset)
  const state = i32.add(own(at.state), i32.mul(row, stateBytes))
  return [
    norms.set(i32.add(i32.add(t.args.shared, at.norms), i32.mul(versionOf(p, t), normBytes(codes)))),
    forUp(row, 0, t.rows, 1, [
      v128.store(state, f32x4.splat(f32.const(Infinity))),
      v128.store(state, i32x4.splat(0), 16),
    ]),
    forUp(from, 0, i32.const(codes), p.blocks.part, [
      minimum(to, i32.add(from, p.blocks.part), codes),
      sumsOf(p, t, from, to, { address: own(p.at.sums), row: 4 * p.pitch, buffered: true }),
      forUp(
        row,
        0,
        t.rows,
        1,
        call(
          look,
          i32.add(own(p.at.sums), i32.mul(row, 4 * p.pitch)),
          i32.add(norms, i32.mul(from, 4)),
          state,
          from,
          i32.shrU(i32.add(i32.sub(to, from), 3), 2),
        ),
      ),
    ]),
    forUp(row, 0, t.rows, 1, call(settle, state, i32.add(own(at.found), i32.mul(row, 4)))),
    whichSize(
      stores,
      t.rows,
      (placed) => placed.inner.all(t.args, own(at.found), turnsOf(t, i32.const(0)), placed),
    ),
  ]
}

/** Every row's code is 0. */
const first = (k: Nearest): Loop => ({
  tag: "loop",
  dims: [...k.batch, ...k.rows],
  over: [],
  stages: [{
    tag: "fold",
    folds: [{ id: 0, fn: "sum", dtype: "i32", value: { tag: "const", dtype: "i32", value: 0 } }],
  }, { tag: "point", stores: k.stores }],
})

/** The code of a search; `lowerLoop` lowers the loops around it. */
export const nearestCode = (k: Nearest, context: KernelContext, lowerLoop: LowerLoop): KernelCode => {
  if (k.codes <= 1) return lowerLoop(first(k), context)
  const sums: Contract = { ...k, tag: "contract", dtype: "f32", cols: [k.codes], stores: [] }
  const groups: Groups = groupsOf(sums)
  const { batch, rows } = groups
  if (batch.count * rows.count === 0) return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
  const ready = prepare(sums, context, { groups, left: k.a, right: k.b }, searchBlocks, lowerLoop)
  const { plan, before, place, scratch, shared, constants } = ready
  const at: Places = {
    norms: shared.take(plan.rightVersions * normBytes(k.codes)),
    state: scratch.take(plan.blocks.rows * stateBytes),
    found: scratch.take(plan.blocks.rows * 4),
  }
  const found: Contract = { ...sums, dtype: "i32", stores: k.stores }
  const single: Groups = { ...groups, cols: { ...groups.cols, sizes: [], count: 1 } }
  const stores = new Map(
    sizesAlong(rows.count, plan.blocks.rows).map((n) =>
      [n, place(storeBlock(found, context, single, n, 1, 1, lowerLoop))] as const
    ),
  )
  return {
    phases: [...before, normPhase(plan, at), mainPhase(plan, "nearest", searchOf(at, stores))],
    scratch: scratch.total(),
    shared: shared.total(),
    constants: constants(),
  }
}
