/**
 * Expressions and indices of kernels as WGSL. Indices are `i32`: a binding holds less than 2^31 elements. A load whose
 * guards do not hold reads element 0 and gives 0. IEEE behaviour is written out where WGSL leaves it open; see `math.ts`.
 * @module
 */
import type { Expr, Guard, Index } from "../kernel/kernel.ts"
import type { DType } from "../tensor/dtype.ts"
import { accOf, bind, type Emitter, lie, need, say, variableOf, varies, type View, WIDTH } from "./emitter.ts"
import { BINARY, castText, literal, ROUND, UNARY, zeroOf } from "./function.ts"

// ---- how deep a value must stand

const depthOfIndex = (e: Emitter, at: Index): number =>
  at.terms.reduce((d, { atom }) => {
    const own = atom.tag === "var"
      ? variableOf(e, atom.id).depth
      : atom.tag === "turn"
      ? 0
      : atom.tag === "value"
      ? depthOf(e, atom.of)
      : depthOfIndex(e, atom.of)
    return Math.max(d, own)
  }, 0)

const depthOfGuards = (e: Emitter, guards: ReadonlyArray<Guard>): number =>
  guards.reduce((d, g) => Math.max(d, depthOfIndex(e, g.at)), 0)

/** The number of the innermost block that the expression needs. */
const depthOf = (e: Emitter, x: Expr): number => {
  const known = e.depths.get(x)
  if (known !== undefined) return known
  const find = (): number => {
    switch (x.tag) {
      case "load":
        return Math.max(depthOfIndex(e, x.at), depthOfGuards(e, x.guards))
      case "const":
        return 0
      case "index":
        return depthOfIndex(e, x.at)
      case "within":
        return depthOfGuards(e, x.guards)
      case "unary":
      case "cast":
      case "bitcast":
      case "round":
        return depthOf(e, x.x)
      case "binary":
        return Math.max(depthOf(e, x.x), depthOf(e, x.y))
      case "select":
        return Math.max(depthOf(e, x.c), depthOf(e, x.x), depthOf(e, x.y))
      case "acc":
        return accOf(e, x.id).depth
    }
  }
  const found = find()
  e.depths.set(x, found)
  return found
}

// ---- indices

const laneOf = (names: ReadonlyArray<string>, lane: number): string => names[lane] ?? names[0]!

const atomText = (e: Emitter, a: Index["terms"][number]["atom"], lane: number): string => {
  switch (a.tag) {
    case "var":
      return laneOf(variableOf(e, a.id).names, lane)
    case "turn":
      e.turns = Math.max(e.turns, a.depth + 1)
      return `turn${a.depth}.x`
    case "value": {
      const name = value(e, a.of, lane)
      return a.of.dtype === "i32" ? name : `i32(${name})`
    }
    case "div":
      return `i32(u32(${index(e, a.of, lane)}) / ${a.by}u)`
    case "mod":
      return `i32(u32(${index(e, a.of, lane)}) % ${a.by}u)`
  }
}

/** The name or literal of an index in that lane. */
export const index = (e: Emitter, at: Index, lane: number): string => {
  const own = e.lane !== undefined && lie(at, e.lane.id, e.lane.width).lanes === "same" ? 0 : lane
  const terms = at.terms.filter((t) => t.coef !== 0).map((t) => {
    const text = atomText(e, t.atom, own)
    return t.coef === 1 ? text : `${text} * ${t.coef < 0 ? `(${t.coef})` : t.coef}`
  })
  if (terms.length === 0) return at.base < 0 ? `(${at.base})` : `${at.base}`
  const text = at.base === 0 ? terms.join(" + ") : `${terms.join(" + ")} + ${at.base < 0 ? `(${at.base})` : at.base}`
  return terms.length === 1 && at.base === 0 && !/[ (]/.test(text) ? text : bind(e, depthOfIndex(e, at), text)
}

const guardText = (e: Emitter, g: Guard, lane: number): string => {
  const at = index(e, g.at, lane)
  return g.low === 0 && g.high > 0
    ? `u32(${at}) < ${g.high}u`
    : `(${at} >= ${g.low < 0 ? `(${g.low})` : g.low} && ${at} < ${g.high < 0 ? `(${g.high})` : g.high})`
}

const guardsText = (e: Emitter, guards: ReadonlyArray<Guard>, lane: number): string => {
  if (guards.length === 0) return "true"
  const text = guards.map((g) => guardText(e, g, lane)).join(" && ")
  return bind(e, depthOfGuards(e, guards), text)
}

// ---- storage

const perWord: { readonly [D in DType]: number } = { f32: 1, i32: 1, u32: 1, f16: 2, bf16: 2, u8: 4, bool: 4 }

/** f16 lies in memory as `f16` where the adapter has it, else two to a word. */
const nativeHalf = (e: Emitter, slot: number): boolean => e.slots[slot]!.dtype === "f16" && e.capability.f16

/** The variable of a slot. */
const buffer = (e: Emitter, slot: number): string => {
  view(e, slot).used = true
  return `b${e.slots[slot]!.binding}`
}

const view = (e: Emitter, slot: number): View => e.views.get(e.slots[slot]!.binding)!

/** How a binding is declared. */
export const declared = (e: Emitter, binding: number): string => {
  const slot = e.slots.findIndex((s) => s.binding === binding)
  const { dtype, writable } = e.slots[slot]!
  const v = view(e, slot)
  const native = nativeHalf(e, slot)
  const one = native ? "f16" : perWord[dtype] === 1 ? dtype : "u32"
  const element = v.atomic ? "atomic<u32>" : v.vector ? `vec4<${one}>` : one
  const mode = writable ? "read_write" : "read"
  return `@group(0) @binding(${binding}) var<storage, ${mode}> b${binding}: array<${element}>;`
}

/** Native halves need `enable f16`. */
export const usesHalf = (e: Emitter): boolean =>
  e.slots.some((s, i) => nativeHalf(e, i) && e.views.get(s.binding)!.used)

/** One stored element as it lies: the element itself, or its bits in the word. */
const rawElement = (e: Emitter, slot: number, at: string): string => {
  const { dtype } = e.slots[slot]!
  const name = buffer(e, slot)
  const v = view(e, slot)
  if (perWord[dtype] === 1 || nativeHalf(e, slot)) {
    return v.vector ? `${name}[u32(${at}) >> 2u][u32(${at}) & 3u]` : `${name}[${at}]`
  }
  const place = `u32(${at}) >> ${perWord[dtype] === 2 ? 1 : 2}u`
  const word = v.atomic ? `atomicLoad(&${name}[${place}])` : `${name}[${place}]`
  const bits = 32 / perWord[dtype]
  return `((${word} >> ((u32(${at}) & ${perWord[dtype] - 1}u) * ${bits}u)) & ${2 ** bits - 1}u)`
}

/** From what lies in memory to the compute type. */
const decoded = (e: Emitter, slot: number, raw: string): string => {
  const { dtype } = e.slots[slot]!
  if (nativeHalf(e, slot)) return `f32(${raw})`
  if (dtype === "f16") return `${need(e, "o_half")}(${raw})`
  if (dtype === "bf16") return `bitcast<f32>(${raw} << 16u)`
  return dtype === "bool" ? `(${raw} != 0u)` : raw
}

const aligned = (e: Emitter, at: Index): boolean => {
  if (e.lane === undefined || e.lane.width !== WIDTH) return false
  const l = lie(at, e.lane.id, e.lane.width)
  return l.lanes === "unit" && l.multiple === e.lane.width
}

/** All lanes at once: 32-bit elements and native halves need whole vectors in the buffer. */
const whole = (e: Emitter, slot: number): boolean => {
  const { dtype, elements } = e.slots[slot]!
  return elements > 0 && (perWord[dtype] > 1 && !nativeHalf(e, slot) || elements % WIDTH === 0)
}

const guardsAlike = (e: Emitter, guards: ReadonlyArray<Guard>): boolean =>
  guards.every((g) => {
    const l = lie(g.at, e.lane!.id, e.lane!.width)
    if (l.lanes === "same") return true
    return l.lanes === "unit" && l.multiple === WIDTH && g.low % WIDTH === 0 && g.high % WIDTH === 0
  })

const loaded = (e: Emitter, x: Extract<Expr, { tag: "load" }>, lane: number): string => {
  const slot = x.buffer
  const { dtype, elements, writable } = e.slots[slot]!
  if (elements === 0) return zeroOf[x.dtype]
  const together = aligned(e, x.at) && whole(e, slot) && guardsAlike(e, x.guards)
  const from = together ? 0 : lane
  const condition = guardsText(e, x.guards, from)
  const at = index(e, x.at, from)
  const depth = depthOf(e, x)
  const safe = condition === "true" ? at : bind(e, depth, `select(0, ${at}, ${condition})`)
  const read = (text: string): string => bind(e, depth, text, writable ? `${e.epoch}:${text}` : text)
  const name = buffer(e, slot)
  const v = view(e, slot)
  const parts = (): string => {
    if (!together) return decoded(e, slot, read(rawElement(e, slot, safe)))
    if (perWord[dtype] === 1 || nativeHalf(e, slot)) {
      v.vector = true
      return decoded(e, slot, `${read(`${name}[u32(${safe}) >> 2u]`)}.${"xyzw"[lane]}`)
    }
    const per = perWord[dtype]
    const bits = 32 / per
    const place = per === 4 ? `u32(${safe}) >> 2u` : `(u32(${safe}) >> 1u)${lane >= per ? " + 1u" : ""}`
    const word = read(v.atomic ? `atomicLoad(&${name}[${place}])` : `${name}[${place}]`)
    return decoded(e, slot, `((${word} >> ${(lane % per) * bits}u) & ${2 ** bits - 1}u)`)
  }
  const got = parts()
  return condition === "true" ? got : `select(${zeroOf[x.dtype]}, ${got}, ${condition})`
}

/** Bits of a value as it is stored in less than a word. */
const encoded = (e: Emitter, dtype: DType, x: string): string =>
  dtype === "f16"
    ? `${need(e, "o_half_bits")}(${x})`
    : dtype === "bf16"
    ? `${need(e, "o_brain_bits")}(${x})`
    : dtype === "bool"
    ? `select(0u, 1u, ${x})`
    : `(${x} & 0xffu)`

/** Rounded here, so that what WGSL's own conversion would round is exact. */
const halfOf = (e: Emitter, x: string): string => `f16(${need(e, "o_half")}(${need(e, "o_half_bits")}(${x})))`

const storeTogether = (e: Emitter, slot: number, at: Index, values: ReadonlyArray<string>): void => {
  const { dtype } = e.slots[slot]!
  const per = perWord[dtype]
  const name = buffer(e, slot)
  const place = `u32(${index(e, at, 0)})`
  if (per === 1 || nativeHalf(e, slot)) {
    view(e, slot).vector = true
    const native = nativeHalf(e, slot)
    const all = native ? values.map((x) => halfOf(e, x)) : values
    return say(e, `${name}[${place} >> 2u] = vec4<${native ? "f16" : dtype}>(${all.join(", ")});`)
  }
  for (let w = 0; w < WIDTH / per; w++) {
    const parts = values.slice(w * per, (w + 1) * per).map((x, i) => `(${encoded(e, dtype, x)} << ${i * 32 / per}u)`)
    say(e, `${name}[(${place} >> ${per === 4 ? 2 : 1}u)${w > 0 ? ` + ${w}u` : ""}] = ${parts.join(" | ")};`)
  }
}

/** Writes values (one a lane) to the element at `at`; side by side where they lie so. */
export const store = (e: Emitter, slot: number, at: Index, values: ReadonlyArray<string>): void => {
  const { dtype } = e.slots[slot]!
  const per = perWord[dtype]
  const name = buffer(e, slot)
  const v = view(e, slot)
  const native = nativeHalf(e, slot)
  const shared = per > 1 && !native
  if (values.length === WIDTH && aligned(e, at) && whole(e, slot) && !(v.atomic && shared)) {
    return storeTogether(e, slot, at, values)
  }
  values.forEach((x, lane) => {
    const place = index(e, at, lane)
    if (!shared) {
      const element = v.vector ? `${name}[u32(${place}) >> 2u][u32(${place}) & 3u]` : `${name}[${place}]`
      return say(e, `${element} = ${native ? halfOf(e, x) : x};`)
    }
    // other invocations write the rest of the word: clear one's own bits, then set them, each by one atomic
    v.atomic = true
    const bits = 32 / per
    const word = `&${name}[u32(${place}) >> ${per === 4 ? 2 : 1}u]`
    const shift = `((u32(${place}) & ${per - 1}u) * ${bits}u)`
    say(e, `atomicAnd(${word}, ~(${2 ** bits - 1}u << ${shift}));`)
    say(e, `atomicOr(${word}, ${encoded(e, dtype, x)} << ${shift});`)
  })
}

/** The element at that place as it is now, never an earlier one. */
export const fetched = (e: Emitter, slot: number, at: string): string => decoded(e, slot, rawElement(e, slot, at))

// ---- values

const written = (e: Emitter, x: Expr, lane: number): string => {
  switch (x.tag) {
    case "load":
      return loaded(e, x, lane)
    case "const":
      return literal(e, x.dtype, x.value)
    case "index": {
      const at = index(e, x.at, lane)
      return x.dtype === "i32" && /^[a-z]/.test(at) ? at : `${x.dtype}(${at})`
    }
    case "within":
      return guardsText(e, x.guards, lane)
    case "unary":
      return UNARY[x.fn](e, value(e, x.x, lane), x.x.dtype)
    case "binary":
      return BINARY[x.fn](e, value(e, x.x, lane), value(e, x.y, lane), x.x.dtype)
    case "select":
      return `select(${value(e, x.y, lane)}, ${value(e, x.x, lane)}, ${value(e, x.c, lane)})`
    case "cast":
      return castText(e, x.x.dtype, x.dtype, value(e, x.x, lane))
    case "bitcast": {
      const from = value(e, x.x, lane)
      return x.x.dtype === x.dtype ? from : `bitcast<${x.dtype}>(${from})`
    }
    case "round": {
      // what was stored as halves is rounded already
      const stored = x.x.tag === "load" && e.slots[x.x.buffer]!.dtype === x.to
      return stored ? value(e, x.x, lane) : ROUND[x.to](e, value(e, x.x, lane))
    }
    case "acc":
      return laneOf(accOf(e, x.id).names, lane)
  }
}

/** The name or literal of an expression's value in that lane. */
export const value = (e: Emitter, x: Expr, lane: number): string => {
  const own = e.lane !== undefined && !varies(x, e.lane.id, e.lane.width, e.lane.varying) ? 0 : lane
  const depth = depthOf(e, x)
  for (let d = depth; d < e.blocks.length; d++) {
    const known = e.blocks[d]!.values[own]!.get(x)
    if (known !== undefined) return known
  }
  const text = written(e, x, own)
  const fresh = x.tag === "load" && e.slots[x.buffer]!.writable
  const name = bind(e, depth, text, fresh ? `${e.epoch}:${text}` : text)
  e.blocks[depth]!.values[own]!.set(x, name)
  return name
}
