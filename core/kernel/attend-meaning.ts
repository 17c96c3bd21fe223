/**
 * The meaning of an attention kernel, in rows of scores. Devices fold over blocks of keys and are held to this.
 * @module
 */
import { nothing } from "../graph/attention.ts"
import { variablesOf } from "./attend.ts"
import { type Algebra, type Effect, type Frame, type Ready, ready } from "./evaluate.ts"
import { indexValues } from "./expression.ts"
import type { Attend, Expr, Store } from "./kernel.ts"

/** An operand as a function of where the variables stand. */
type Reader<T> = () => T

/** Does `body` for every value of the variables. */
const each = (vars: Array<number>, ids: ReadonlyArray<number>, sizes: ReadonlyArray<number>, body: Effect): void => {
  if (ids.length === 0) return body()
  for (let i = 0; i < sizes[0]!; i++) {
    vars[ids[0]!] = i
    each(vars, ids.slice(1), sizes.slice(1), body)
  }
}

/** Runs the kernel: for every row (a query, or a key in the part `keys`) the scores it has, then what becomes of them. */
export const attend = <T>(algebra: Algebra<T>, frame: Frame<T>, kernel: Attend): Effect => {
  const { vars } = frame
  const id = variablesOf(kernel)
  const read = (e: Expr | undefined): Reader<T> | undefined => {
    if (e === undefined) return undefined
    const at = ready(algebra, frame, [], [e])
    const value = at.value(e)
    return () => {
      at.run()
      return value()
    }
  }
  const accs: Array<T> = []
  const placed = kernel.stores.map((s: Store): readonly [Store, Ready<T>, () => T] => {
    const at = ready(algebra, frame, accs, [s.value, ...indexValues(s.at)])
    return [s, at, at.value(s.value)]
  })
  const accOf = (e: Expr): number => e.tag === "acc" ? e.id : e.tag === "round" || e.tag === "cast" ? accOf(e.x) : 0
  const store = (number: number, value: T): void => {
    accs[number] = value
    for (const [s, at, result] of placed) {
      if (accOf(s.value) !== number) continue
      frame.where.cell++
      at.run()
      frame.memory!.store(s.buffer, at.index(s.at)(), result(), frame.where)
    }
  }

  const [q, k, v] = [read(kernel.q)!, read(kernel.k)!, read(kernel.v)!]
  const [qp, kp] = [read(kernel.queryPosition)!, read(kernel.keyPosition)!]
  const [qs, ks, bias] = [read(kernel.querySegment), read(kernel.keySegment), read(kernel.bias)]
  const [lse, delta, ct] = [read(kernel.lse), read(kernel.delta), read(kernel.cotangent)]
  const f = (x: number): T => algebra.constant(x, "f32")
  const [plus, minus, times] = [
    algebra.binary("add", "f32"),
    algebra.binary("sub", "f32"),
    algebra.binary("mul", "f32"),
  ]
  const [over, most, exp, tanh, log] = [
    algebra.binary("div", "f32"),
    algebra.binary("max", "f32"),
    algebra.unary("exp", "f32"),
    algebra.unary("tanh", "f32"),
    algebra.unary("log", "f32"),
  ]
  const sum = algebra.fold("sum", "f32")
  const dot = (size: number, along: number, x: Reader<T>, y: Reader<T>): T => {
    let total = sum.empty
    for (let d = 0; d < size; d++) {
      vars[along] = d
      total = sum.step(total, times(x(), y()))
    }
    return total
  }
  const number = (x: Reader<T>): number => algebra.number(x())
  const sees = (): boolean => {
    const [pi, pj] = [number(qp), number(kp)]
    if (kernel.causal > 0 && Math.floor(pi / kernel.causal) < Math.floor(pj / kernel.causal)) return false
    if (kernel.window > 0 && Math.abs(pi - pj) >= kernel.window) return false
    return qs === undefined || number(qs) === number(ks!)
  }
  /** The score of the query and key at which the variables stand, and how it grows with their product. */
  const score = (): readonly [T, T] => {
    const raw = times(dot(kernel.head, id.head, q, k), f(kernel.scale))
    const bent = kernel.cap > 0 ? tanh(over(raw, f(kernel.cap))) : undefined
    const soft = bent === undefined ? raw : times(bent, f(kernel.cap))
    const slope = bent === undefined ? f(kernel.scale) : times(f(kernel.scale), minus(f(1), times(bent, bent)))
    return [bias === undefined ? soft : plus(soft, bias()), slope]
  }
  const along = (size: number, variable: number, number: number, value: (d: number) => T): void => {
    for (let d = 0; d < size; d++) {
      const x = value(d)
      vars[variable] = d
      store(number, x)
    }
  }

  const forward: Effect = () => {
    const seen: Array<number> = []
    const scores: Array<T> = []
    for (let j = 0; j < kernel.key; j++) {
      vars[id.key] = j
      if (!sees()) continue
      seen.push(j)
      scores.push(score()[0])
    }
    const top = scores.length === 0 ? f(nothing) : scores.reduce(most)
    const weights = scores.map((s) => exp(minus(s, top)))
    const total = weights.reduce(sum.step, sum.empty)
    along(kernel.value, id.value, 0, (d) => {
      let mean = sum.empty
      seen.forEach((j, n) => {
        vars[id.key] = j
        vars[id.value] = d
        mean = sum.step(mean, times(weights[n]!, v()))
      })
      return seen.length === 0 ? f(0) : over(mean, total)
    })
    store(1, seen.length === 0 ? f(nothing) : plus(top, log(total)))
  }

  /** Sums over the other side of one row: the weight of the pair, and the cotangent of its product. */
  const backward = (other: number, size: number): ReadonlyArray<readonly [at: number, p: T, ds: T]> => {
    const pairs: Array<readonly [number, T, T]> = []
    for (let o = 0; o < size; o++) {
      vars[other] = o
      if (!sees()) continue
      const [s, slope] = score()
      const p = exp(minus(s, lse!()))
      const dp = dot(kernel.value, id.value, ct!, v)
      pairs.push([o, p, times(times(p, minus(dp, delta!())), slope)])
    }
    return pairs
  }
  const query: Effect = () => {
    const pairs = backward(id.key, kernel.key)
    along(kernel.head, id.head, 0, (d) =>
      pairs.reduce((total, [j, , ds]) => {
        vars[id.key] = j
        vars[id.head] = d
        return sum.step(total, times(ds, k()))
      }, sum.empty))
  }
  const keys: Effect = () => {
    const dk = Array.from({ length: kernel.head }, () => sum.empty)
    const dv = Array.from({ length: kernel.value }, () => sum.empty)
    each(vars, id.share, kernel.share, () => {
      for (const [i, p, ds] of backward(id.query, kernel.query)) {
        vars[id.query] = i
        for (let d = 0; d < kernel.head; d++) {
          vars[id.head] = d
          dk[d] = sum.step(dk[d]!, times(ds, q()))
        }
        for (let d = 0; d < kernel.value; d++) {
          vars[id.value] = d
          dv[d] = sum.step(dv[d]!, times(p, ct!()))
        }
      }
    })
    along(kernel.head, id.head, 0, (d) => dk[d]!)
    along(kernel.value, id.value, 1, (d) => dv[d]!)
  }

  const [ids, sizes, body] = kernel.part === "keys" ? [[...id.batch, id.key], [...kernel.batch, kernel.key], keys] : [
    [...id.batch, ...id.share, id.query],
    [...kernel.batch, ...kernel.share, kernel.query],
    kernel.part === "forward" ? forward : query,
  ]
  return () =>
    each(vars, ids, sizes, () => {
      frame.where.outer++
      body()
    })
}
