/**
 * The meaning of every kernel record, in plain loops: what each device is held to. `evaluate.ts` says what expressions
 * mean; here is the order in which a kernel computes and stores them.
 * @module
 */
import { order, outdoes } from "../graph/fold.ts"
import { attend } from "./attend-meaning.ts"
import { type Algebra, type Effect, type Frame, type Memory, type Ready, ready } from "./evaluate.ts"
import { indexValues } from "./expression.ts"
import type { Contract, Cumulate, Expr, Kernel, Loop, Nearest, Scatter, Sort, Store } from "./kernel.ts"

export { type Algebra, exact, type Folding, type Memory, type Where } from "./evaluate.ts"

/** Runs a kernel once; `turns` are those of the enclosing `repeat` steps, the innermost first. */
export type Run<T> = (memory: Memory<T>, turns: ReadonlyArray<number>) => void

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
  stores.flatMap((s) => [s.value, ...indexValues(s.at)])

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
  const at = ready(algebra, frame, [], [k.row, k.value, ...indexValues(k.at)])
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
  const at = ready(algebra, frame, [], [k.key, ...indexValues(k.at)])
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

const nearest = <T>(algebra: Algebra<T>, frame: Frame<T>, k: Nearest): Effect => {
  const accs: Array<T> = []
  const outer = [...k.batch, ...k.rows]
  const at = ready(algebra, frame, accs, [k.a, k.b])
  const [a, b, times, minus] = [
    at.value(k.a),
    at.value(k.b),
    algebra.binary("mul", "f32"),
    algebra.binary("sub", "f32"),
  ]
  const { empty, step } = algebra.fold("sum", "f32")
  const two = algebra.constant(2, "f32")
  let [norm, product] = [empty, empty]
  const each = sweep(frame.vars, outer.length + 1, k.depth, () => {
    at.run()
    norm = step(norm, times(b(), b()))
    product = step(product, times(a(), b()))
  })
  const store = storing(frame, ready(algebra, frame, accs, ofStores(k.stores)), k.stores)
  return sweep(frame.vars, 0, outer, () => {
    frame.where.outer++
    let [best, code] = [Infinity, 0]
    for (let c = 0; c < k.codes; c++) {
      frame.vars[outer.length] = c
      norm = product = empty
      each()
      const score = algebra.number(minus(norm, times(two, product)))
      if (score < best) [best, code] = [score, c]
    }
    accs[0] = algebra.constant(code, "i32")
    store()
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
    case "nearest":
      return nearest(algebra, frame, kernel)
    case "attend":
      return attend(algebra, frame, kernel)
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
