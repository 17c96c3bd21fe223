/**
 * WebAssembly as values: code is a tree of bytes that is flattened once, an expression knows its type, a function names
 * its locals, a label is an object. Nothing counts nesting depths or function numbers by hand: labels and callees are
 * resolved when the module is written, and functions with the same bytes become one. The instructions are in
 * `instructions.ts`.
 * @module
 */

/** The types of WebAssembly values. */
export type Type = "i32" | "i64" | "f32" | "f64" | "v128"

/** Bytes to be, in order. */
export type Code = number | Mark | ReadonlyArray<Code>

/** What is resolved when the module is written. */
export type Mark =
  | { readonly tag: "open"; readonly label: Label; readonly kind: "block" | "loop" | "if" }
  | { readonly tag: "close" }
  | { readonly tag: "to"; readonly label: Label }
  | { readonly tag: "call"; readonly func: Func }

/** The target of a branch, told apart by identity. */
export interface Label {
  readonly name: string
}

/** Code that leaves one value of type T. Used twice, it is computed twice: keep it in a local. */
export interface Value<T extends Type> {
  readonly type: T
  readonly code: Code
}

/** A variable of a function; as a value it is what the variable holds. */
export interface Local<T extends Type> extends Value<T> {
  readonly name: string
  /** Code that gives the variable this value. */
  readonly set: (value: Value<T>) => Code
  /** Sets, and leaves the value. */
  readonly tee: (value: Value<T>) => Value<T>
}

/** A function. Its body leaves its results. */
export interface Func {
  readonly name: string
  readonly params: ReadonlyArray<Type>
  readonly results: ReadonlyArray<Type>
  readonly locals: ReadonlyArray<Type>
  readonly body: Code
}

/** Names the parameters and makes variables while a body is written. */
export interface Scope {
  readonly params: ReadonlyArray<Local<Type>>
  /** A new variable, 0 at first. */
  readonly local: <T extends Type>(type: T, name?: string) => Local<T>
}

/** The memory that a module imports as `m.memory`, in pages of 64 KiB. */
export interface MemoryImport {
  readonly initial: number
  readonly maximum: number
  readonly shared: boolean
}

/** What a module gives out: functions by name, and a table `table` of functions to call by number. */
export interface ModuleParts {
  readonly memory: MemoryImport
  /** Functions that are not ours, imported as `m.` and their name; their bodies are not used. */
  readonly imports?: ReadonlyArray<Func>
  readonly exports: { readonly [name: string]: Func }
  readonly table: ReadonlyArray<Func>
}

const typeCode: { readonly [T in Type]: number } = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** A number as LEB128 without sign; up to 2^32 - 1. */
export const unsigned = (value: number): ReadonlyArray<number> => {
  const bytes: Array<number> = []
  let rest = value >>> 0
  for (;;) {
    const low = rest & 0x7f
    rest >>>= 7
    if (rest === 0) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}

/** A 32-bit number as LEB128 with sign. */
export const signed = (value: number): ReadonlyArray<number> => {
  const bytes: Array<number> = []
  let rest = value | 0
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}

const local = <T extends Type>(type: T, index: number, name: string): Local<T> => ({
  type,
  name,
  code: [0x20, unsigned(index)],
  set: (value) => [value.code, 0x21, unsigned(index)],
  tee: (value) => ({ type, code: [value.code, 0x22, unsigned(index)] }),
})

/** A function whose body is written by `write`. */
export const func = (
  name: string,
  params: ReadonlyArray<Type>,
  results: ReadonlyArray<Type>,
  write: (scope: Scope) => Code,
): Func => {
  const locals: Array<Type> = []
  const body = write({
    params: params.map((type, i) => local(type, i, `p${i}`)),
    local: (type, hint) => {
      locals.push(type)
      return local(type, params.length + locals.length - 1, hint ?? `v${locals.length}`)
    },
  })
  return { name, params, results, locals, body }
}

/** Code that can be left by a branch to its label. */
export const block = (write: (exit: Label) => Code): Code => {
  const label: Label = { name: "exit" }
  return [{ tag: "open", label, kind: "block" }, write(label), { tag: "close" }]
}

/** Code that a branch to its label begins anew; without one it is left at its end. */
export const loop = (write: (again: Label) => Code): Code => {
  const label: Label = { name: "again" }
  return [{ tag: "open", label, kind: "loop" }, write(label), { tag: "close" }]
}

/** Runs `then` where the condition is not 0, else `otherwise`. */
export const when = (condition: Value<"i32">, then: Code, otherwise?: Code): Code => [
  condition.code,
  { tag: "open", label: { name: "if" }, kind: "if" },
  then,
  otherwise === undefined ? [] : [0x05, otherwise],
  { tag: "close" },
]

/** Goes to the label. */
export const branch = (label: Label): Code => [0x0c, { tag: "to", label }]

/** Goes to the label where the condition is not 0. */
export const branchIf = (label: Label, condition: Value<"i32">): Code => [
  condition.code,
  0x0d,
  { tag: "to", label },
]

/** One of two values, both computed. */
export const select = <T extends Type>(condition: Value<"i32">, x: Value<T>, y: Value<T>): Value<T> => ({
  type: x.type,
  code: [x.code, y.code, condition.code, 0x1c, 1, typeCode[x.type]],
})

/** Calls a function for what it does. */
export const call = (callee: Func, ...args: ReadonlyArray<Value<Type>>): Code => [
  args.map((a) => a.code),
  { tag: "call", func: callee },
]

/** Calls a function for its one result. */
export const result = <T extends Type>(type: T, callee: Func, ...args: ReadonlyArray<Value<Type>>): Value<T> => ({
  type,
  code: call(callee, ...args),
})

/** Ends the function; its results, if any, come first. */
export const leave = (...values: ReadonlyArray<Value<Type>>): Code => [values.map((v) => v.code), 0x0f]

/** Forgets a value. */
export const drop = (value: Value<Type>): Code => [value.code, 0x1a]

/** A trap. */
export const unreachable: Code = 0x00

/** Growing bytes. */
interface Sink {
  readonly put: (byte: number) => void
  readonly bytes: () => Uint8Array<ArrayBuffer>
}

const sink = (): Sink => {
  let room = new Uint8Array(256)
  let length = 0
  return {
    put: (byte) => {
      if (length === room.length) {
        const more = new Uint8Array(room.length * 2)
        more.set(room)
        room = more
      }
      room[length++] = byte
    },
    bytes: () => room.slice(0, length),
  }
}

const opening = { block: 0x02, loop: 0x03, if: 0x04 }

const flatten = (code: Code, numberOf: (callee: Func) => number): Uint8Array<ArrayBuffer> => {
  const out = sink()
  const open: Array<Label> = []
  const put = (bytes: ReadonlyArray<number>): void => bytes.forEach(out.put)
  const writeMark = (mark: Mark): void => {
    if (mark.tag === "open") {
      open.push(mark.label)
      put([opening[mark.kind], 0x40])
    } else if (mark.tag === "close") {
      open.pop()
      out.put(0x0b)
    } else if (mark.tag === "to") put(unsigned(open.length - 1 - open.lastIndexOf(mark.label)))
    else put([0x10, ...unsigned(numberOf(mark.func))])
  }
  const write = (part: Code): void => {
    if (typeof part === "number") out.put(part)
    else if ("tag" in part) writeMark(part)
    else for (let i = 0; i < part.length; i++) write(part[i]!)
  }
  write(code)
  return out.bytes()
}

const runs = (types: ReadonlyArray<Type>): ReadonlyArray<readonly [number, Type]> =>
  types.reduce<Array<[number, Type]>>((all, type) => {
    const last = all.at(-1)
    if (last !== undefined && last[1] === type) last[0] += 1
    else all.push([1, type])
    return all
  }, [])

const vector = (items: ReadonlyArray<Code>): Code => [unsigned(items.length), items]
const text = (s: string): Code => vector([...new TextEncoder().encode(s)])
const noCalls = (): number => 0

const sized = (bytes: Uint8Array): Code => [unsigned(bytes.length), [...bytes]]
const section = (id: number, body: Code): Code => [id, sized(flatten(body, noCalls))]

/** A table of what is numbered by first mention. */
const numbering = <A>(): { readonly of: (key: string, make: () => A) => number; readonly all: () => Array<A> } => {
  const numbers = new Map<string, number>()
  const all: Array<A> = []
  return {
    of: (key, make) => {
      const known = numbers.get(key)
      if (known !== undefined) return known
      numbers.set(key, all.length)
      return all.push(make()) - 1
    },
    all: () => all,
  }
}

const signature = (f: Func): Code => [
  0x60,
  vector(f.params.map((t) => typeCode[t])),
  vector(f.results.map((t) => typeCode[t])),
]

/** The number of a function's type among the types of a module, for indirect calls: see `assemble`. */
export const tableType = 0

/**
 * The bytes of a module. Type number 0 is the type of the first function in the table, so that an indirect call can
 * name it (all of the table's functions have that type).
 */
export const assemble = (parts: ModuleParts): Uint8Array<ArrayBuffer> => {
  const types = numbering<Code>()
  const functions = numbering<readonly [number, Uint8Array]>()
  const known = new Map<Func, number>()
  const imports = parts.imports ?? []
  const typeOf = (f: Func): number => types.of(`${f.params}>${f.results}`, () => signature(f))
  const numberOf = (f: Func): number => {
    const before = known.get(f)
    if (before !== undefined) return before
    const type = typeOf(f)
    const locals = vector(runs(f.locals).map(([n, t]) => [unsigned(n), typeCode[t]]))
    const bytes = flatten([locals, f.body, 0x0b], numberOf)
    const number = imports.length +
      functions.of(`${type}:${new TextDecoder("latin1").decode(bytes)}`, () => [type, bytes])
    known.set(f, number)
    return number
  }
  imports.forEach((f, i) => known.set(f, i))
  if (parts.table.length > 0) typeOf(parts.table[0]!)
  const table = parts.table.map(numberOf)
  const exported = Object.entries(parts.exports).map(([name, f]) => [text(name), 0, unsigned(numberOf(f))])
  const imported = imports.map((f) => [text("m"), text(f.name), 0, unsigned(typeOf(f))])
  const { initial, maximum, shared } = parts.memory
  const limits = [shared ? 3 : 1, unsigned(initial), unsigned(maximum)]
  const size = unsigned(table.length)
  return flatten([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, vector(types.all())),
    section(2, vector([...imported, [text("m"), text("memory"), 2, limits]])),
    section(3, vector(functions.all().map(([type]) => unsigned(type)))),
    section(4, vector([[0x70, 1, size, size]])),
    section(7, vector([...exported])),
    section(9, table.length === 0 ? vector([]) : vector([[0, 0x41, 0, 0x0b, vector(table.map(unsigned))]])),
    section(10, vector(functions.all().map(([, bytes]) => sized(bytes)))),
  ], noCalls)
}
