/**
 * The meaning of expressions: closures over registers, one register per distinct expression, so that a shared one is
 * computed once per point. What a number is comes from an `Algebra`: float64 for the oracle, float64 with an error bound
 * in the tests.
 * @module
 */
import { fold } from "../graph/fold.ts"
import type { BinaryFn, CumulateFn, UnaryFn } from "../graph/node.ts"
import { binary, bitcast, cast, unary } from "../graph/scalar.ts"
import type { Compute, DType } from "../tensor/dtype.ts"
import { children } from "./expression.ts"
import type { Atom, Expr, Guard, Index } from "./kernel.ts"

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
export interface Frame<T> {
  readonly registers: Array<T>
  readonly vars: Array<number>
  turns: ReadonlyArray<number>
  memory: Memory<T> | undefined
  readonly where: { outer: number; cell: number; since: number }
}

export type Effect = () => void

/** Expressions of one place of a kernel, made ready: `run` computes all registers in order. */
export interface Ready<T> {
  readonly run: Effect
  readonly value: (e: Expr) => () => T
  readonly index: (i: Index) => () => number
}

/** Makes the expressions of one place ready; accs are read from `accs`, by id. */
export const ready = <T>(
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
        for (const part of children(e)) stack.push([part, false])
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
