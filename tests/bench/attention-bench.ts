/**
 * Causal attention, forward and with gradients: ours in each engine against tfjs, jax-js, onnxruntime-web and PyTorch, at
 * growing lengths, time and memory, every result checked against float64. Beside it our own kinds of attention against
 * each other, and decoding against a cache.
 *
 * Every figure is of a process of its own. Its memory is the most that it had resident while it worked, less what it had
 * before it took its inputs; of ours also what the device had, beyond inputs, outputs, gradients and the result.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { bytesOf, errorOf, type Expected, expected, forget, type Part, write } from "./attention.ts"
import { decode, kinds } from "./attention-own.ts"
import { type Figure, targets } from "./attention-targets.ts"
import { type Choice, hasPart, isAsked, named, sizesOf } from "./choice.ts"
import { type EngineName, ours } from "./ours.ts"
import type { Peers } from "./peers.ts"
import { type Contestant, type Heard, rounds, together } from "./rounds.ts"
import { median, type Report, type Row } from "./table.ts"

const Held = t.type({ peak: t.number, forecast: t.number, given: t.number, made: t.number })

interface Answer {
  readonly version: string
  readonly first: number
  readonly milliseconds: ReadonlyArray<number>
  readonly before: number
  readonly peak: number
  /** Bytes of the device, where it is ours. */
  readonly held: t.TypeOf<typeof Held> | undefined
  /** Relative to the largest value. */
  readonly error: number
}
const Answer: t.Type<Answer, unknown> = t.type({
  version: t.string,
  first: t.number,
  milliseconds: t.readonlyArray(t.number),
  before: t.number,
  peak: t.number,
  held: t.union([Held, t.undefined]),
  error: t.number,
})

const lengths = [512, 1024, 2048, 4096, 8192]

/** Largest error, relative to the largest value, of a result that counts as attention. */
const tolerance = 1e-4

const mib = (bytes: number): number => bytes / 2 ** 20

/** What one is expected to take at a length, from what it took at a shorter one; attention grows with the square. */
interface Past {
  readonly time: number
  readonly milliseconds: number
}

/** All contestants at one length. */
const contestants = (
  peers: Peers,
  choice: Choice,
  args: (threads: number) => ReadonlyArray<string>,
  seconds: number,
): ReadonlyArray<Contestant> => {
  const narrow: ReadonlyArray<EngineName> = choice.who === undefined ? [] : ["node24narrow"]
  const { inNode, inTorch } = peers.within(seconds)
  const torch = (threads: number): Contestant => ({
    who: `PyTorch, plain ops, ${threads} thread${threads === 1 ? "" : "s"}`,
    ask: () => inTorch("torch_attention.py", threads, ...args(threads)),
  })
  return [
    ...ours(peers, "attention.ts", args(2), { which: ["tasks", "deno", "node", "node24", ...narrow], seconds }),
    { who: "jax-js wasm, Node 24, 2 threads", ask: () => inNode("jax_attention.mjs", ...args(2)) },
    { who: "tfjs wasm, Node 24, 1 thread", ask: () => inNode("tf_attention.mjs", ...args(1)) },
    { who: "onnxruntime-web wasm, Node 24, 2 threads", ask: () => inNode("ort_attention.mjs", ...args(2)) },
    torch(1),
    torch(2),
  ].filter(({ who }) => isAsked(choice, who))
}

/** The same, but that nobody is asked for what would take too long, or who gives something else than attention. */
const watched = (
  { who, ask }: Contestant,
  past: Past | undefined,
  check: () => number | undefined,
  time: number,
  limit: number,
): Contestant => ({
  who,
  ask: () => {
    const expects = past === undefined ? 0 : past.milliseconds / 1000 * (time / past.time) ** 2
    if (expects > limit) {
      const took = `${(past!.milliseconds / 1000).toFixed(1)} s at T = ${past!.time}`
      return E.left(
        `not tried: it took ${took}, so about ${expects.toFixed(0)} s are expected; the limit is ${limit} s`,
      )
    }
    return E.flatMap((answer: unknown) => {
      const error = check()
      if (error === undefined) return E.left("it left no result")
      return error < tolerance
        ? E.right({ ...(answer as object), error })
        : E.left(`its result is off by ${error.toExponential(1)} of the largest value`)
    })(ask())
  },
})

const figureOf = (part: Part, time: number, who: string, said: ReadonlyArray<Answer>): Figure => {
  const [first] = said, { held } = first!
  // The result is a residual of the gradients: it is counted as an output in both parts.
  const arrays = held === undefined ? 0 : held.given + held.made + (part === "gradient" ? bytesOf(time) : 0)
  return {
    ...{ part, time, who },
    ...together(said.map((a) => a.milliseconds)),
    first: median(said.map((a) => a.first)),
    resident: mib(median(said.map((a) => a.peak - a.before))),
    error: Math.max(...said.map((a) => a.error)),
    ...(held === undefined ? {} : { beyond: mib(held.peak - arrays), forecast: mib(held.forecast - arrays) }),
  }
}

const rowOf = (f: Figure, against: Figure | undefined): Row => {
  const ratio = against === undefined || against === f ? "" : `${(f.median / against.median).toFixed(2)} x, `
  const device = f.beyond === undefined ? "" : `, ${f.beyond.toFixed(1)} MiB on the device beyond arrays`
  const forecast = f.beyond === f.forecast ? "" : ` (FORECAST ${f.forecast?.toFixed(1)})`
  return {
    what: `${f.part} T = ${f.time}`,
    who: f.who,
    unit: "ms",
    median: f.median,
    best: f.best,
    note: `${ratio}+${f.resident.toFixed(0)} MiB${device}${forecast}, error ${f.error.toExponential(0)}`,
    more: {
      "first ms": f.first,
      "resident MiB": f.resident,
      error: f.error,
      ...(f.beyond === undefined ? {} : { "device MiB beyond arrays": f.beyond, "forecast MiB": f.forecast ?? NaN }),
    },
  }
}

/** One part at growing lengths. */
const compared = (part: Part, count: number, peers: Peers, choice: Choice, folder: string): ReadonlyArray<
  { readonly figures: ReadonlyArray<Figure>; readonly absent: ReadonlyArray<string> }
> => {
  const past = new Map<string, Past>(), out = new Map<string, string>()
  const { limit = 14 } = choice
  return sizesOf(choice, lengths).map((time) => {
    write(folder, time)
    const rows: ReadonlyArray<Expected> = expected(folder, time, part)
    const check = (): number | undefined => {
      const error = errorOf(folder, time, rows)
      forget(folder, time, part)
      return error
    }
    const args = (threads: number): ReadonlyArray<string> => [folder, part, `${time}`, `${threads}`]
    const here = contestants(peers, choice, args, 20 + 4 * limit).filter(({ who }) => !out.has(who))
    const heard: ReadonlyMap<string, Heard<Answer>> = rounds(
      Answer,
      here.map((c) => watched(c, past.get(c.who), check, time, limit)),
      count,
    )
    const figures = [...heard].flatMap(([who, said]) => E.isLeft(said) ? [] : [figureOf(part, time, who, said.right)])
    figures.forEach((f) => past.set(f.who, { time, milliseconds: f.median }))
    const absent = [...heard].flatMap(([who, said]) => E.isLeft(said) ? [[who, said.left] as const] : [])
    absent.forEach(([who, why]) => out.set(who, why))
    process.stdout.write(
      `  ${part} T = ${time}: ${figures.map((f) => `${f.who} ${f.median.toFixed(1)} ms`).join("; ") || "nobody"}\n`,
    )
    return {
      figures,
      absent: absent.map(([, why]) => `${part} from T = ${time} on: ${why}`),
    }
  })
}

/** Runs it. */
export const attention = (count: number, peers: Peers, choice: Choice = {}): Report => {
  const folder = mkdtempSync(join(tmpdir(), "orrery-attention-"))
  try {
    const all = (["forward", "gradient"] as const).filter((p) => hasPart(choice, p)).flatMap((part) =>
      compared(part, count, peers, choice, folder)
    )
    const figures = all.flatMap((x) => x.figures)
    const first = (f: Figure): Figure | undefined => figures.find((g) => g.part === f.part && g.time === f.time)
    const own = [
      ...(hasPart(choice, "kinds") ? [kinds(count, peers, choice)] : []),
      ...(hasPart(choice, "decode") ? [decode(count, peers, choice)] : []),
    ]
    return {
      bench: named("attention", choice),
      rows: [...figures.map((f) => rowOf(f, first(f))), ...own.flatMap((x) => x.rows)],
      absent: [...all.flatMap((x) => x.absent), ...own.flatMap((x) => x.absent)],
      targets: [...targets(figures), ...own.flatMap((x) => x.targets ?? [])],
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
