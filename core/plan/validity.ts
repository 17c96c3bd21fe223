/**
 * What every program must be, as a table of named rules: buffers lie where they say, steps name what there is, kernels
 * read and write what they are bound to, in its type. The compiler is held to it in tests, and programs from outside when
 * they are read. That an index stays inside its buffer is proved here for sums of loop variables without guards; the
 * oracle checks every access of every kind.
 * @module
 */
import { count } from "../graph/node.ts"
import { exprsOf, loadsOf, written } from "../kernel/expression.ts"
import type { Kernel } from "../kernel/kernel.ts"
import { bound, type Breach, dispatchesOf, type Found, type Rule, when } from "./breach.ts"
import { brought, exchanges, flights } from "./exchange-rules.ts"
import { forecastOf } from "./forecast.ts"
import { accs, ranges, types, variables } from "./kernel-rules.ts"
import { bufferBytes, type Program, type Slot } from "./program.ts"

// -----------------------------------------------------------------------------
// rules
// -----------------------------------------------------------------------------

const slotsFit = (p: Program, list: ReadonlyArray<Slot>, name: string): ReadonlyArray<Found> =>
  list.flatMap((s, i) => {
    const b = p.buffers[s.buffer]
    const where = `${name}.${i}`
    if (b === undefined) return when(true, where, `names buffer ${s.buffer}; there are ${p.buffers.length}`)
    return [
      ...when(s.axes.length !== s.shape.length, where, `has ${s.axes.length} axes and ${s.shape.length} sizes`),
      ...when(
        s.dtype !== b.dtype || count(s.shape) !== b.elements,
        where,
        `is ${count(s.shape)} elements of ${s.dtype}, its buffer ${b.elements} of ${b.dtype}`,
      ),
      ...when(list.findIndex((o) => o.path === s.path) !== i, where, `the path '${s.path}' is there twice`),
    ]
  })

const places: Rule = {
  name: "places",
  breaches: (p) =>
    p.buffers.flatMap(({ dtype, elements, place }, i) => {
      const where = `buffers.${i}`
      switch (place.tag) {
        case "arena": {
          const end = place.offset + bufferBytes(dtype, elements)
          return [
            ...when(place.offset % 256 !== 0, where, `lies at ${place.offset}, no multiple of 256`),
            ...when(end > p.arena, where, `ends at byte ${end} of an arena of ${p.arena}`),
          ]
        }
        case "constant":
          return when(
            place.values.length !== elements,
            where,
            `has ${place.values.length} values for ${elements} elements`,
          )
        case "input":
          return when(p.inputs[place.index]?.buffer !== i, where, `is not the buffer of input ${place.index}`)
        case "output": {
          const o = p.outputs[place.index]
          return when(o?.buffer !== i || o.donated !== undefined, where, `is not the buffer of output ${place.index}`)
        }
      }
    }),
}

const slots: Rule = {
  name: "slots",
  breaches: (p) => [
    ...slotsFit(p, p.inputs, "inputs"),
    ...slotsFit(p, p.outputs, "outputs"),
    ...p.inputs.flatMap((s, i) => {
      const place = p.buffers[s.buffer]?.place
      return when(place?.tag !== "input" || place.index !== i, `inputs.${i}`, "its buffer is not that input's place")
    }),
    ...p.outputs.flatMap((s, i) => {
      const place = p.buffers[s.buffer]?.place
      const where = `outputs.${i}`
      if (s.donated === undefined) {
        return when(place?.tag !== "output" || place.index !== i, where, "its buffer is not that output's place")
      }
      return [
        ...when(p.inputs[s.donated]?.buffer !== s.buffer, where, `takes over input ${s.donated}, but not its buffer`),
        ...when(
          p.outputs.findIndex((o) => o.donated === s.donated) !== i,
          where,
          `input ${s.donated} is taken over twice`,
        ),
      ]
    }),
  ],
}

const steps: Rule = {
  name: "steps",
  breaches: (p) =>
    dispatchesOf(p.steps, "steps", []).flatMap(([where, s]) => {
      const kernel = p.kernels[s.kernel]
      if (kernel === undefined) return when(true, where, `names kernel ${s.kernel}; there are ${p.kernels.length}`)
      const strange = s.buffers.find((b) => p.buffers[b] === undefined)
      const used = [...written(kernel), ...loadsOf(kernel).map((l) => l.buffer), ...loadsIn(kernel)]
      const beyond = used.find((b) => b >= s.buffers.length)
      return [
        ...when(strange !== undefined, where, `binds buffer ${strange}; there are ${p.buffers.length}`),
        ...when(
          beyond !== undefined,
          where,
          `kernel ${s.kernel} uses its buffer ${beyond}, but ${s.buffers.length} are bound`,
        ),
      ]
    }),
}

/** Buffers that a kernel loads from inside of indices. */
const loadsIn = (k: Kernel): ReadonlyArray<number> => exprsOf(k).flatMap((e) => (e.tag === "load" ? [e.buffer] : []))

const writes: Rule = {
  name: "writes",
  breaches: (p) => {
    const taken = new Set(p.outputs.flatMap((o) => o.donated ?? []))
    return bound(p).flatMap(({ where, kernel, buffers }) =>
      written(kernel).flatMap((b) => {
        const number = buffers[b]!
        const { place } = p.buffers[number]!
        return [
          ...when(place.tag === "constant", where, `stores to buffer ${number}, a constant`),
          ...when(
            place.tag === "input" && !taken.has(place.index),
            where,
            `stores to buffer ${number}, an input that no output takes over`,
          ),
          ...when(
            buffers.indexOf(number) !== buffers.lastIndexOf(number),
            where,
            `binds buffer ${number}, which it stores to, twice`,
          ),
        ]
      })
    )
  },
}

/** What is read has been stored before, and every output is stored; a loop's steps count once, in their order. */
const stores: Rule = {
  name: "stores",
  breaches: (p) => {
    const whole = new Set(
      p.buffers.flatMap(({ place }, i) => place.tag === "input" || place.tag === "constant" ? [i] : []),
    )
    let next = 0
    const between = (step: number): ReadonlyArray<Found> => {
      const found: Array<Found> = []
      for (; next <= step; next++) found.push(...brought(p, next, whole))
      return found
    }
    const early = bound(p).flatMap(({ where, kernel, buffers }) => {
      const step = Number(where.split(".")[1])
      const unsent = between(step)
      const out = new Set(written(kernel))
      const unmade = buffers.filter((b, i) => !out.has(i) && !whole.has(b))
      for (const i of out) whole.add(buffers[i]!)
      return [
        ...unsent,
        ...unmade.flatMap((b) => when(true, where, `reads buffer ${b}, which nothing has stored before`)),
      ]
    })
    const last = between(p.steps.length)
    const lacking = p.outputs.flatMap((o, i) =>
      when(!whole.has(o.buffer) && count(o.shape) > 0, `outputs.${i}`, `nothing stores it`)
    )
    return [...early, ...last, ...lacking]
  },
}

const forecasts: Rule = {
  name: "forecast",
  breaches: (p) => {
    const f = p.forecast
    const wanted = forecastOf(p)
    return [
      ...(["inputs", "outputs", "constants", "arena"] as const).flatMap((k) =>
        when(f[k] !== wanted[k], `forecast.${k}`, `is ${f[k]} bytes, the buffers have ${wanted[k]}`)
      ),
      ...when(f.peak !== f.inputs + f.outputs + f.constants + f.arena, "forecast.peak", "is not the sum of its parts"),
      ...(["flops", "traffic", "dispatches", "depth", "sent"] as const).flatMap((k) =>
        when(f[k] !== wanted[k], `forecast.${k}`, `is ${f[k]}, the steps have ${wanted[k]}`)
      ),
    ]
  },
}

/** All rules, in the order in which they are asked: the first rule that is broken is told, with all its places. */
export const rules: ReadonlyArray<Rule> = [
  places,
  slots,
  steps,
  writes,
  exchanges,
  flights,
  stores,
  variables,
  accs,
  types,
  ranges,
  forecasts,
]

/** The breaches of the first rule that a program breaks. */
export const broken = (p: Program): ReadonlyArray<Breach> => {
  for (const { name, breaches } of rules) {
    const found = breaches(p)
    if (found.length > 0) return found.map(([where, message]) => ({ rule: name, where, message }))
  }
  return []
}
