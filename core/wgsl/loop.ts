/**
 * Map, reduce and what stands between as WGSL. One template: a workgroup takes some rows (outer points), and several
 * lanes share a row, each folding every so many of its inner points; a tree in workgroup memory joins them. A map has one
 * lane a row and no inner points; a sum of columns has neighbouring rows in neighbouring lanes; a softmax has them along
 * the row. Four neighbouring points go together where loads or stores become vectors by it.
 * @module
 */
import { loadsOf, sizesOf, storesOf } from "../kernel/expression.ts"
import type { Expr, Index, Loop, Stage } from "../kernel/kernel.ts"
import { type Emitter, lie, nest, say, top, turnOver, WIDTH } from "./emitter.ts"
import { store, value } from "./expression.ts"
import { bySubgroups, closed, open, subgroupEntry, take, type Team, tree } from "./fold.ts"
import { bound, type Build, decode, type Entry, idle, type Shader, shader } from "./shader.ts"

/** How a loop is cut. */
interface Cut {
  /** Order of outer and inner variables, slowest first. */
  readonly outer: ReadonlyArray<number>
  readonly inner: ReadonlyArray<number>
  /** The variable that goes four at a time. */
  readonly wide: number | undefined
  /** Lanes of a row lie side by side (else rows do). */
  readonly along: "inner" | "outer"
  readonly lanes: number
  readonly rows: number
}

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)
const powerUp = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)))

/** Every place in memory that the kernel touches. */
export const places = (k: Loop): ReadonlyArray<Index> => [
  ...storesOf(k).map((s) => s.at),
  ...loadsOf(k).map((l: Extract<Expr, { tag: "load" }>) => l.at),
]

/** How many accesses lie side by side along each variable. */
const scores = (at: ReadonlyArray<Index>, ids: ReadonlyArray<number>, width: number): ReadonlyArray<number> =>
  ids.map((id) =>
    at.filter((i) => {
      const l = lie(i, id, width)
      return l.lanes === "unit" && l.multiple === width
    }).length
  )

const best = (ids: ReadonlyArray<number>, score: ReadonlyArray<number>): number | undefined =>
  ids.reduce(
    (b: number | undefined, id, k) => b === undefined || score[k]! >= score[ids.indexOf(b)]! ? id : b,
    undefined,
  )

const fastestLast = (ids: ReadonlyArray<number>, fastest: number | undefined): ReadonlyArray<number> =>
  fastest === undefined ? ids : [...ids.filter((i) => i !== fastest), fastest]

/** Chooses how to cut a loop from its strides, its sizes and the tuning table. */
const choose = (k: Loop, b: Build): Cut => {
  const sizes = sizesOf(k)
  const at = places(k)
  const ids = sizes.map((_, i) => i)
  const outerIds = ids.slice(0, k.dims.length)
  const innerIds = ids.slice(k.dims.length)
  const outerScore = scores(at, outerIds, 1)
  const innerScore = scores(at, innerIds, 1)
  const fastOuter = best(outerIds, outerScore)
  const fastInner = best(innerIds, innerScore)
  const points = product(k.dims)
  const work = product(k.over)
  const { tuning } = b
  const vectors = (id: number | undefined): number =>
    id === undefined || sizes[id]! % WIDTH !== 0 ? 0 : scores(at, [id], WIDTH)[0]!
  const [outer, inner] = [fastestLast(outerIds, fastOuter), fastestLast(innerIds, fastInner)]
  const arg = k.stages.some((s) => s.tag === "fold" && s.folds.some((f) => f.fn === "argmax" || f.fn === "argmin"))
  if (work <= 1) {
    const wide = vectors(fastOuter) > 0 ? fastOuter : undefined
    return { outer, inner, wide, along: "outer", lanes: 1, rows: tuning.map }
  }
  const alongInner = Math.max(0, ...innerScore) >= Math.max(0, ...outerScore)
  if (alongInner) {
    const wide = !arg && vectors(fastInner) > 0 ? fastInner : undefined
    const steps = work / (wide === undefined ? 1 : WIDTH)
    const few = points * Math.ceil(steps / tuning.perLane) < tuning.fill
    const lanes = Math.min(tuning.row, powerUp(few ? steps : Math.ceil(steps / tuning.perLane)))
    return { outer, inner, wide, along: "inner", lanes, rows: Math.max(1, Math.floor(tuning.row / lanes)) }
  }
  const wide = vectors(fastOuter) > 0 && points / WIDTH >= tuning.fill ? fastOuter : undefined
  const rows = points / (wide === undefined ? 1 : WIDTH)
  const wanted = powerUp(tuning.fill / Math.max(1, rows))
  const most = Math.min(powerUp(Math.ceil(work / 8)), Math.max(1, powerUp(tuning.row / Math.min(powerUp(rows), 32))))
  const lanes = wide === undefined ? Math.max(1, Math.min(wanted, most)) : 1
  return { outer, inner, wide, along: "outer", lanes, rows: Math.max(1, tuning.row / lanes) }
}

const setLane = (e: Emitter, id: number | undefined): void => {
  e.lane = id === undefined ? undefined : { id, width: WIDTH, varying: new Map() }
}

const lanesOf = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

type FoldStage = Extract<Stage, { tag: "fold" }>

/** Writes a loop kernel. */
export const loop = (k: Loop, b: Build): Shader => {
  const points = product(k.dims)
  if (points === 0) return idle
  const sizes = sizesOf(k)
  const cut = choose(k, b)
  const work = product(k.over)
  const outerWide = cut.wide !== undefined && cut.wide < k.dims.length
  const innerWide = cut.wide !== undefined && !outerWide
  const units = points / (outerWide ? WIDTH : 1)
  const steps = work / (innerWide ? WIDTH : 1)
  const lanes = cut.lanes
  const rows = lanes === 1 ? cut.rows : Math.min(cut.rows, powerUp(units))
  const size = rows * lanes
  const ragged = units % rows !== 0
  const width = outerWide ? WIDTH : 1

  return shader(b, (e): Entry => {
    const inside = cut.along === "inner"
    if (lanes === 1) say(e, `let unit = gid * ${rows}u + lid;`)
    else {
      say(e, inside ? `let lane = lid % ${lanes}u;` : `let lane = lid / ${rows}u;`)
      say(e, inside ? `let row = lid / ${lanes}u;` : `let row = lid % ${rows}u;`)
      say(e, `let unit = gid * ${rows}u + row;`)
    }
    // whoever shares a row meets at barriers, so nobody leaves early: surplus rows do the last row again, silently
    const silent = lanes > 1 && ragged
    if (lanes === 1 && ragged) say(e, `if (unit >= ${units}u) { return; }`)
    say(e, silent ? `let p = min(unit, ${units - 1}u);` : "let p = unit;")
    if (silent) say(e, `let live = unit < ${units}u;`)
    if (outerWide) setLane(e, cut.wide)
    const define = (id: number, names: ReadonlyArray<string>): void => {
      top(e).vars.set(id, names)
    }
    decode(e, "p", cut.outer, sizes, define)

    const team: Team = {
      size,
      lanes,
      step: inside ? 1 : rows,
      lane: "lane",
      head: inside ? `row * ${lanes}u` : "row",
      half: bound(b, lanes / 2),
    }
    const eachInner = (body: () => void): void => {
      if (innerWide) setLane(e, cut.wide)
      const head = `for (var i = ${lanes === 1 ? "0u" : "lane"}; i < ${bound(b, steps)}; i = i + ${lanes}u)`
      if (work === 1 && lanes === 1) {
        nest(e, "", () => {
          for (const id of cut.inner) define(id, ["0"])
          body()
        })
      } else {
        nest(e, head, () => {
          decode(e, "i", cut.inner, sizes, define)
          body()
        })
      }
      if (innerWide) setLane(e, undefined)
    }
    const guarded = (condition: string, body: () => void): void =>
      condition === "" ? body() : nest(e, `if (${condition})`, body)

    const foldStage = (s: FoldStage): void => {
      const partials = s.folds.map((f) => lanesOf(width).map(() => open(e, f.fn, f.dtype)))
      if (work > 0) {
        eachInner(() => {
          const folding = innerWide ? WIDTH : 1
          s.folds.forEach((f, n) => {
            const indices = cut.inner.length === 1 ? top(e).vars.get(cut.inner[0]!)! : ["0"]
            lanesOf(width).forEach((w) => {
              const values = lanesOf(folding).map((l) => value(e, f.value, innerWide ? l : w))
              take(e, partials[n]![w]!, values, indices)
            })
          })
        })
      }
      tree(e, team, partials.flat())
      s.folds.forEach((f, n) => {
        top(e).accs.set(
          f.id,
          partials[n]!.map((p) => {
            const name = `a${f.id}_${e.names++}`
            say(e, `let ${name} = ${closed(p)};`)
            return name
          }),
        )
      })
    }

    for (const s of k.stages) {
      if (s.tag === "fold") foldStage(s)
      else if (s.tag === "sweep") {
        if (work === 0) continue
        guarded(silent ? "live" : "", () =>
          eachInner(() => {
            const n = innerWide || outerWide ? WIDTH : 1
            const values = s.stores.map((t) => lanesOf(n).map((l) => value(e, t.value, l)))
            s.stores.forEach((t, i) => store(e, t.buffer, t.at, values[i]!))
          }))
        turnOver(e)
      } else {
        const alone = [...(lanes > 1 ? ["lane == 0u"] : []), ...(silent ? ["live"] : [])].join(" && ")
        guarded(alone, () => {
          const values = s.stores.map((t) => lanesOf(width).map((l) => value(e, t.value, l)))
          s.stores.forEach((t, i) => store(e, t.buffer, t.at, values[i]!))
        })
        turnOver(e)
      }
    }
    return { size, groups: Math.ceil(units / rows), ...(bySubgroups(e, team) ? subgroupEntry : {}) }
  })
}
