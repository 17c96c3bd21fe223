/**
 * What the oracle sees: for each element of a program's buffers which dispatch and which point of it stored and loaded it,
 * and which buffers collectives under way send and fill. What a correct program never does is a defect.
 * @module
 */
import type { Kernel } from "../kernel/kernel.ts"
import type { Memory, Run } from "../kernel/meaning.ts"
import { type Buffer, bufferBytes, type Program, type Step } from "../plan/program.ts"
import type { HostArray } from "../tensor/dtype.ts"

/** A buffer while a program runs, and what is known of each of its elements. */
export interface Watched {
  data: HostArray
  /** Number of the dispatch that stored the element; 0 is never. */
  readonly stored: Int32Array
  /** By which point; there once a kernel stores to the buffer. */
  storedOuter: Int32Array
  storedCell: Int32Array
  /** Number of the dispatch that stores to this buffer and loaded the element; there once such a kernel is known. */
  loaded: Int32Array
  loadedOuter: Int32Array
  loadedCell: Int32Array
  /** How many exchanges under way send this buffer, and how many fill it. */
  sent: number
  filled: number
}

const none = new Int32Array(0)

/** Arrays for what is watched of a buffer that a kernel stores to, and perhaps loads from. */
const watchMore = (w: Watched, loads: boolean): void => {
  const more = (a: Int32Array): Int32Array => (a.length === w.stored.length ? a : new Int32Array(w.stored.length))
  w.storedOuter = more(w.storedOuter)
  w.storedCell = more(w.storedCell)
  if (!loads) return
  w.loaded = more(w.loaded)
  w.loadedOuter = more(w.loadedOuter)
  w.loadedCell = more(w.loadedCell)
}

/** A buffer of which nothing is known. */
export const watched = (elements: number): Watched => ({
  data: new Float64Array(0),
  stored: new Int32Array(elements),
  storedOuter: none,
  storedCell: none,
  loaded: none,
  loadedOuter: none,
  loadedCell: none,
  sent: 0,
  filled: 0,
})

/** The positions of the buffers that a kernel stores to. */
const storesTo = (k: Kernel): ReadonlySet<number> =>
  new Set(
    k.tag === "loop"
      ? k.stages.flatMap((s) => (s.tag === "fold" ? [] : s.stores.map((x) => x.buffer)))
      : k.tag === "scatter" || k.tag === "sort"
      ? [k.buffer]
      : k.stores.map((s) => s.buffer),
  )

/** Before all dispatches: what inputs and constants hold. */
export const given: number = -1

/** What a correct program never does. */
export const defect = (text: string): never => {
  throw new Error(`oracle: ${text}`)
}

/** A buffer in a sentence. */
export const show = (b: Buffer, number: number): string =>
  `buffer ${number} (${b.dtype}, ${b.elements} elements, ${b.place.tag})`

/** Arena buffers that share bytes with buffer `number`. */
const overlaps = (program: Program, number: number): ReadonlyArray<number> => {
  const span = (b: Buffer): readonly [number, number] =>
    b.place.tag === "arena" ? [b.place.offset, b.place.offset + bufferBytes(b.dtype, b.elements)] : [0, 0]
  const [low, high] = span(program.buffers[number]!)
  return program.buffers.flatMap((b, i) => {
    const [from, to] = span(b)
    return i !== number && from < high && low < to ? [i] : []
  })
}

/** One dispatch, ready to run. */
export type Dispatch = (turns: ReadonlyArray<number>, turn: number) => void

/** The dispatch of a step: `run` is its kernel, `all` the buffers of the program. */
export const dispatch = (
  program: Program,
  step: Extract<Step, { readonly tag: "dispatch" }>,
  run: Run<number>,
  all: ReadonlyArray<Watched>,
): Dispatch => {
  const kernel = program.kernels[step.kernel]!
  const targets = storesTo(kernel)
  const bound = step.buffers.map((b) => all[b]!)
  const clobbered = [...targets].flatMap((b) => overlaps(program, step.buffers[b]!).map((o) => all[o]!))
  const where = (b: number, at: number): string =>
    `kernel ${step.kernel} (${kernel.tag}), ${
      show(program.buffers[step.buffers[b]!]!, step.buffers[b]!)
    }, element ${at}`
  const inside = (b: number, at: number, what: string): Watched => {
    const w = bound[b]
    if (w === undefined) return defect(`${what} of buffer ${b}, but the step binds ${bound.length}`)
    return at >= 0 && at < w.stored.length ? w : defect(`${what} outside its buffer: ${where(b, at)}`)
  }
  for (const b of targets) {
    const twice = step.buffers.indexOf(step.buffers[b]!) !== step.buffers.lastIndexOf(step.buffers[b]!)
    if (twice) defect(`a buffer that is stored to is bound twice: ${where(b, 0)}`)
    watchMore(bound[b]!, false)
  }
  // a scatter's points may come back to an element of their own
  const returns = kernel.tag === "scatter"
  let now = 0
  const memory: Memory<number> = {
    load: (b, at, { outer, cell, since }) => {
      const w = inside(b, at, "load")
      if (w.filled > 0) defect(`load of what an exchange under way fills: ${where(b, at)}`)
      if (w.stored[at] === 0) defect(`load of what was never stored, or overwritten since: ${where(b, at)}`)
      if (!targets.has(b)) return w.data[at]!
      if (w.loaded.length < w.stored.length) watchMore(w, true)
      const mine = w.storedOuter[at] === outer && (returns || w.storedCell[at] === cell)
      if (w.stored[at] === now && w.storedOuter[at] !== given && !mine) {
        defect(`load of what another point stores: ${where(b, at)}`)
      }
      const alone = w.loaded[at] !== now ||
        (w.loadedOuter[at] === outer && (returns || w.loadedCell[at]! < since || w.loadedCell[at] === cell))
      w.loaded[at] = now
      w.loadedOuter[at] = alone ? outer : given
      w.loadedCell[at] = cell
      return w.data[at]!
    },
    store: (b, at, value, { outer, cell, since }) => {
      const w = inside(b, at, "store")
      const first = w.stored[at] !== now || w.storedOuter[at] === given || (returns && w.storedOuter[at] === outer)
      if (!first) defect(`two stores of one element: ${where(b, at)}`)
      const alone = w.loaded.length === 0 || w.loaded[at] !== now ||
        (w.loadedOuter[at] === outer && (returns || w.loadedCell[at]! < since || w.loadedCell[at] === cell))
      if (!alone) defect(`store of what another point loads: ${where(b, at)}`)
      w.stored[at] = now
      w.storedOuter[at] = outer
      w.storedCell[at] = cell
      w.data[at] = value
    },
    clear: (b) => {
      const w = bound[b]!
      w.data.fill(0)
      w.stored.fill(now)
      w.storedOuter.fill(given)
    },
  }
  return (turns, turn) => {
    now = turn
    for (const b of targets) if (isAway(bound[b]!)) defect(`store to what an exchange under way uses: ${where(b, 0)}`)
    for (const w of clobbered) {
      if (isAway(w)) defect(`store over what an exchange under way uses: kernel ${step.kernel} (${kernel.tag})`)
      w.stored.fill(0)
    }
    run(memory, turns)
  }
}

const isAway = (w: Watched): boolean => w.sent + w.filled > 0

/** What is known of the buffers when the exchanges before step `at` have been started and finished. */
export const exchanged = (program: Program, all: ReadonlyArray<Watched>, at: number): void =>
  program.exchanges.forEach(({ from, to, start, finish }, i) => {
    const [a, b] = [all[from]!, all[to]!]
    const where = (n: number): string => `exchange ${i}, ${show(program.buffers[n]!, n)}`
    if (start === at) {
      if (a.filled > 0 || a.stored.includes(0)) defect(`a collective sends what is not whole: ${where(from)}`)
      const shared = overlaps(program, to).map((o) => all[o]!)
      if ([b, ...shared].some(isAway)) defect(`a collective fills what another under way uses: ${where(to)}`)
      for (const w of [b, ...shared]) w.stored.fill(0)
      a.sent++
      b.filled++
    }
    if (finish === at) {
      a.sent--
      b.filled--
      b.stored.fill(given)
    }
  })
