/**
 * The meaning of every kernel record, in plain loops: what each device is held to. Expressions become closures over
 * registers, one register per distinct expression, so that a shared one is computed once per point. What a number is
 * comes from an `Algebra`: float64 for the oracle, float64 with an error bound in the tests.
 * @module
 */
import { fold, order, outdoes } from "../graph/fold.ts"
import type { BinaryFn, CumulateFn, UnaryFn } from "../graph/node.ts"
import { binary, bitcast, cast, unary } from "../graph/scalar.ts"
import type { Compute, DType } from "../tensor/dtype.ts"
import type { Atom, Contract, Cumulate, Expr, Guard, Index, Kernel, Loop, Scatter, Sort, Store } from "./kernel.ts"

// -----------------------------------------------------------------------------
// types
// -----------------------------------------------------------------------------

/** A fold over values: what an empty one gives, and its step. */
export interface Folding<T> {
  readonly empty: T
  readonly step: (sum: T, x: T) => T
}

/** What values are, and the functions of them. */
export interface Algebra<T> {
  readonly constant: (value: number, dtype: Compute) => T
  readonly unary: (fn: UnaryFn, of: Compute) => (x: T) => T
  readonly binary: (fn: BinaryFn, of: Compute) => (x: T, y: T) => T
  readonly select: (c: T, x: T, y: T) => T
  readonly cast: (from: Compute, to: Compute) => (x: T) => T
  readonly bitcast: (from: Compute, to: Compute) => (x: T) => T
  readonly round: (to: DType) => (x: T) => T
  readonly fold: (fn: CumulateFn, of: Compute) => Folding<T>
  /** The plain number, for places in memory, rows, and the order of keys. */
  readonly number: (x: T) => number
}

/**
 * Which point is being done, so that a memory can tell what depends on the order of points. Outer points may be done in
 * any order; so may the cells (inner points) of one stage, those numbered from `since`.
 */
export interface Where {
  readonly outer: number
  readonly cell: number
  readonly since: number
}

/** The kernel's buffers, by position. */
export interface Memory<T> {
  readonly load: (buffer: number, at: number, where: Where) => T
  readonly store: (buffer: number, at: number, value: T, where: Where) => void
  /** Sets a whole buffer to 0. */
  readonly clear: (buffer: number) => void
}

/** Runs a kernel once; `turns` are those of the enclosing `repeat` steps, the innermost first. */
export type Run<T> = (memory: Memory<T>, turns: ReadonlyArray<number>) => void

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Numbers are float64 and exact integers. */
export const exact: Algebra<number> = {
  constant: (value) => value,
  unary,
  binary,
  select: (c, x, y) => (c === 0 ? y : x),
  cast,
  bitcast,
  round: (to) => (to === "f32" ? (x) => x : cast(to === "f16" || to === "bf16" ? "f32" : "u32", to)),
  fold,
  number: (x) => x,
}

/** What an expression's closures work on. */
interface Frame<T> {
  readonly registers: Array<T>
  readonly vars: Array<number>
  turns: ReadonlyArray<number>
  memory: Memory<T> | undefined
  readonly where: { outer: number; cell: number; since: number }
}

type Effect = () => void

/** Expressions of one place of a kernel, made ready: `run` computes all registers in order. */
interface Ready<T> {
  readonly run: Effect
  readonly value: (e: Expr) => () => T
  readonly index: (i: Index) => () => number
}

/** The expressions that an expression is made of. */
const parts = (e: Expr): ReadonlyArray<Expr> => {
  switch (e.tag) {
    case "load":
      return [...inIndex(e.at), ...e.guards.flatMap((g) => inIndex(g.at))]
    case "index":
      return inIndex(e.at)
    case "within":
      return e.guards.flatMap((g) => inIndex(g.at))
    case "binary":
      return [e.x, e.y]
    case "select":
      return [e.c, e.x, e.y]
    case "unary":
    case "cast":
    case "bitcast":
    case "round":
      return [e.x]
    default:
      return []
  }
}

/** The expressions whose values an index takes. */
const inIndex = (i: Index): ReadonlyArray<Expr> =>
  i.terms.flatMap(({ atom }) =>
    atom.tag === "value" ? [atom.of] : atom.tag === "div" || atom.tag === "mod" ? inIndex(atom.of) : []
  )

/** Makes the expressions of one place ready; accs are read from `accs`, by id. */
const ready = <T>(
  algebra: Algebra<T>,
  frame: Frame<T>,
  accs: ReadonlyArray<T>,
  roots: ReadonlyArray<Expr>,
): Ready<T> => {
  const { registers, vars } = frame
  const places = new Map<Expr, number>()
  const steps: Array<Effect> = []

  const atom = (a: Atom): () => number => {
    switch (a.tag) {
      case "var":
        return () => vars[a.id]!
      case "turn":
        return () => frame.turns[a.depth]!
      case "div": {
        const of = index(a.of)
        return () => Math.floor(of() / a.by)
      }
      case "mod": {
        const of = index(a.of)
        return () => of() % a.by
      }
      case "value": {
        const place = places.get(a.of)!
        return () => algebra.number(registers[place]!)
      }
    }
  }

  const index = ({ base, terms }: Index): () => number => {
    const atoms = terms.map((t) => atom(t.atom))
    const coefs = terms.map((t) => t.coef)
    const [first, second] = atoms
    const [a, b] = coefs
    if (terms.length === 0) return () => base
    if (terms.length === 1) return () => base + a! * first!()
    if (terms.length === 2) return () => base + a! * first!() + b! * second!()
    return () => {
      let sum = base
      for (let i = 0; i < atoms.length; i++) sum += coefs[i]! * atoms[i]!()
      return sum
    }
  }

  const within = (guards: ReadonlyArray<Guard>): () => boolean => {
    const tests = guards.map((g) => {
      const at = index(g.at)
      return (): boolean => {
        const i = at()
        return g.low <= i && i < g.high
      }
    })
    return tests.length === 0 ? () => true : tests.length === 1 ? tests[0]! : () => tests.every((t) => t())
  }

  const of = (e: Expr): () => T => {
    const place = places.get(e)!
    return () => registers[place]!
  }

  const step = (e: Expr): () => T => {
    switch (e.tag) {
      case "load": {
        const [holds, at, zero] = [within(e.guards), index(e.at), algebra.constant(0, e.dtype)]
        return () => (holds() ? frame.memory!.load(e.buffer, at(), frame.where) : zero)
      }
      case "const": {
        const value = algebra.constant(e.value, e.dtype)
        return () => value
      }
      case "index": {
        const at = index(e.at)
        const into = cast("i32", e.dtype)
        return () => algebra.constant(into(at()), e.dtype)
      }
      case "within": {
        const holds = within(e.guards)
        const [no, yes] = [algebra.constant(0, "bool"), algebra.constant(1, "bool")]
        return () => (holds() ? yes : no)
      }
      case "unary": {
        const [f, x] = [algebra.unary(e.fn, e.x.dtype), of(e.x)]
        return () => f(x())
      }
      case "binary": {
        const [f, x, y] = [algebra.binary(e.fn, e.x.dtype), of(e.x), of(e.y)]
        return () => f(x(), y())
      }
      case "select": {
        const [c, x, y] = [of(e.c), of(e.x), of(e.y)]
        return () => algebra.select(c(), x(), y())
      }
      case "cast":
      case "bitcast": {
        const [f, x] = [algebra[e.tag](e.x.dtype, e.dtype), of(e.x)]
        return () => f(x())
      }
      case "round": {
        const [f, x] = [algebra.round(e.to), of(e.x)]
        return () => f(x())
      }
      case "acc":
        return () => accs[e.id]!
    }
  }

  const enter = (root: Expr): void => {
    const stack: Array<readonly [Expr, boolean]> = [[root, false]]
    while (stack.length > 0) {
      const [e, done] = stack.pop()!
      if (places.has(e)) continue
      if (!done) {
        stack.push([e, true])
        for (const part of parts(e)) stack.push([part, false])
        continue
      }
      const place = registers.length
      const compute = step(e)
      registers.push(algebra.constant(0, "f32"))
      places.set(e, place)
      steps.push(() => {
        registers[place] = compute()
      })
    }
  }

  roots.forEach(enter)
  return {
    run: () => {
      for (let i = 0; i < steps.length; i++) steps[i]!()
    },
    value: of,
    index,
  }
}

/** Does `body` at every point of the box, the last variable fastest; variables are numbered from `first`. */
const sweep = (vars: Array<number>, first: number, sizes: ReadonlyArray<number>, body: Effect): Effect => {
  if (sizes.length === 0) return body
  const inner = sweep(vars, first + 1, sizes.slice(1), body)
  return () => {
    for (let i = 0; i < sizes[0]!; i++) {
      vars[first] = i
      inner()
    }
  }
}

/** Roots of a list of stores. */
const ofStores = (stores: ReadonlyArray<Store>): ReadonlyArray<Expr> =>
  stores.flatMap((s) => [s.value, ...inIndex(s.at)])

/** Computes the values, then stores them all. */
const storing = <T>(frame: Frame<T>, at: Ready<T>, stores: ReadonlyArray<Store>): Effect => {
  const values = stores.map((s) => at.value(s.value))
  const places = stores.map((s) => at.index(s.at))
  return () => {
    frame.where.cell++
    at.run()
    for (let i = 0; i < stores.length; i++) {
      frame.memory!.store(stores[i]!.buffer, places[i]!(), values[i]!(), frame.where)
    }
  }
}

const loop = <T>(algebra: Algebra<T>, frame: Frame<T>, { dims, over, stages }: Loop): Effect => {
  const accs: Array<T> = []
  const inner = (body: Effect): Effect => sweep(frame.vars, dims.length, over, body)
  const steps = stages.map((stage): Effect => {
    if (stage.tag !== "fold") {
      const store = storing(frame, ready(algebra, frame, accs, ofStores(stage.stores)), stage.stores)
      return stage.tag === "sweep" ? inner(store) : store
    }
    const at = ready(algebra, frame, accs, stage.folds.map((f) => f.value))
    const folds = stage.folds.map(({ fn, dtype, id, value }) => {
      const x = at.value(value)
      if (fn === "argmax" || fn === "argmin") {
        const better = outdoes(fn)
        let best = 0
        return {
          start: () => {
            accs[id] = algebra.constant(0, "i32")
          },
          step: () => {
            const [now, place] = [algebra.number(x()), frame.vars[dims.length]!]
            if (place !== 0 && !better(now, best)) return
            best = now
            accs[id] = algebra.constant(place, "i32")
          },
        }
      }
      const { empty, step } = algebra.fold(fn, dtype)
      return {
        start: () => {
          accs[id] = empty
        },
        step: () => {
          accs[id] = step(accs[id]!, x())
        },
      }
    })
    const each = inner(() => {
      frame.where.cell++
      at.run()
      for (let i = 0; i < folds.length; i++) folds[i]!.step()
    })
    return () => {
      folds.forEach((f) => f.start())
      each()
    }
  })
  return sweep(frame.vars, 0, dims, () => {
    frame.where.outer++
    for (let i = 0; i < steps.length; i++) {
      frame.where.since = frame.where.cell + 1
      steps[i]!()
    }
  })
}

const contract = <T>(algebra: Algebra<T>, frame: Frame<T>, k: Contract): Effect => {
  const accs: Array<T> = []
  const outer = [...k.batch, ...k.rows, ...k.cols]
  const at = ready(algebra, frame, accs, [k.a, k.b])
  const [a, b, times] = [at.value(k.a), at.value(k.b), algebra.binary("mul", k.dtype)]
  const { empty, step } = algebra.fold("sum", k.dtype)
  const each = sweep(frame.vars, outer.length, k.depth, () => {
    at.run()
    accs[0] = step(accs[0]!, times(a(), b()))
  })
  const store = storing(frame, ready(algebra, frame, accs, ofStores(k.stores)), k.stores)
  return sweep(frame.vars, 0, outer, () => {
    frame.where.outer++
    accs[0] = empty
    each()
    store()
  })
}

const scatter = <T>(algebra: Algebra<T>, frame: Frame<T>, k: Scatter): Effect => {
  const at = ready(algebra, frame, [], [k.row, k.value, ...inIndex(k.at)])
  const [row, value, base] = [at.value(k.row), at.value(k.value), at.index(k.at)]
  const { step } = algebra.fold("sum", k.dtype)
  const each = sweep(frame.vars, k.dims.length, k.along, () => {
    at.run()
    const r = algebra.number(row())
    if (!(r >= 0 && r < k.size)) return
    const place = base() + k.stride * r
    frame.memory!.store(k.buffer, place, step(frame.memory!.load(k.buffer, place, frame.where), value()), frame.where)
  })
  const all = sweep(frame.vars, 0, k.dims, () => {
    frame.where.outer++
    each()
  })
  return () => {
    frame.memory!.clear(k.buffer)
    all()
  }
}

const cumulate = <T>(algebra: Algebra<T>, frame: Frame<T>, k: Cumulate): Effect => {
  const accs: Array<T> = []
  const last = k.dims.length
  const at = ready(algebra, frame, accs, [k.value])
  const value = at.value(k.value)
  const { empty, step } = algebra.fold(k.fn, k.dtype)
  const store = storing(frame, ready(algebra, frame, accs, ofStores(k.stores)), k.stores)
  return sweep(frame.vars, 0, k.dims, () => {
    accs[0] = empty
    for (let i = 0; i < k.length; i++) {
      frame.where.outer++
      frame.vars[last] = k.reverse ? k.length - 1 - i : i
      at.run()
      accs[0] = step(accs[0]!, value())
      store()
    }
  })
}

const sort = <T>(algebra: Algebra<T>, frame: Frame<T>, k: Sort): Effect => {
  const last = k.dims.length
  const at = ready(algebra, frame, [], [k.key, ...inIndex(k.at)])
  const [key, place, before] = [at.value(k.key), at.index(k.at), order(k.descending)]
  return sweep(frame.vars, 0, k.dims, () => {
    frame.where.outer++
    const keys = new Float64Array(k.length)
    for (let i = 0; i < k.length; i++) {
      frame.vars[last] = i
      at.run()
      keys[i] = algebra.number(key())
    }
    const sorted = Array.from(keys, (_, i) => i).sort((i, j) => before(keys[i]!, keys[j]!))
    for (let r = 0; r < k.length; r++) {
      frame.vars[last] = r
      at.run()
      frame.where.cell++
      frame.memory!.store(k.buffer, place(), algebra.constant(sorted[r]!, "i32"), frame.where)
    }
  })
}

const runs = <T>(algebra: Algebra<T>, frame: Frame<T>, kernel: Kernel): Effect => {
  switch (kernel.tag) {
    case "loop":
      return loop(algebra, frame, kernel)
    case "contract":
      return contract(algebra, frame, kernel)
    case "scatter":
      return scatter(algebra, frame, kernel)
    case "cumulate":
      return cumulate(algebra, frame, kernel)
    case "sort":
      return sort(algebra, frame, kernel)
  }
}

/** The meaning of a kernel. */
export const meaning = <T>(algebra: Algebra<T>, kernel: Kernel): Run<T> => {
  const where = { outer: 0, cell: 0, since: 0 }
  const frame: Frame<T> = { registers: [], vars: [], turns: [], memory: undefined, where }
  const run = runs(algebra, frame, kernel)
  return (memory, turns) => {
    frame.memory = memory
    frame.turns = turns
    Object.assign(where, { outer: 0, cell: 0, since: 0 })
    run()
  }
}
