/**
 * A run as it may come out: a base of 256 tokens, four extensions to 4096, tuning, and a control without theta scaling that
 * falls off. All noise is drawn from one seed.
 * @module
 */
import { hostFold, hostKey } from "../../../core/random/host.ts"
import type { Found, Lane, ReportData, StageFacts, TrainingFacts } from "../../../tasks/report/data.ts"
import { below } from "../../../tasks/evaluate/draws.ts"
import type { BitsPerByte, ByPosition } from "../../../tasks/evaluate/perplexity.ts"
import type { Cell, Result } from "../../../tasks/evaluate/result.ts"

/** 0 to 1, by a number. */
const noise = (...at: ReadonlyArray<number>): number => below(at.reduce(hostFold, hostKey(7)), 10_000) / 10_000

const digestOf = (n: number): string =>
  Array.from({ length: 8 }, (_, i) => Math.floor(noise(99, n, i) * 2 ** 32).toString(16).padStart(8, "0")).join("")

export const lengths: ReadonlyArray<number> = [256, 512, 1024, 2048, 4096]
const depths = [0, 12.5, 25, 37.5, 50, 62.5, 75, 87.5, 100]
const rounds = 8

// ---- needles -------------------------------------------------------------------

const cell = (length: number, depth: number, chance: number, at: number): Cell => {
  const right = Array.from({ length: rounds }, (_, r) => noise(at, length, depth, r) < chance).filter(Boolean).length
  const value = String(1_000_000 + below(hostFold(hostFold(hostKey(at), length), Math.round(depth)), 9_000_000))
  const all = right === rounds
  const answer = all
    ? ` The special magic Valencia number is: ${value}.`
    : ` The special magic Valencia number is: 31,0`
  return {
    ...{ length, depth, asked: rounds, right, strict: Math.max(0, right - (right > 6 ? 0 : 1)) },
    sample: { key: "Valencia", value, answer, right: all },
  }
}

const total = (cells: ReadonlyArray<Cell>) => ({
  asked: cells.reduce((n, c) => n + c.asked, 0),
  right: cells.reduce((n, c) => n + c.right, 0),
  strict: cells.reduce((n, c) => n + c.strict, 0),
})

/** A result of a task, whose chance of being right is a function of length and depth. */
export const resultOf = (
  task: string,
  language: string,
  at: number,
  chance: (length: number, depth: number) => number,
): Result => {
  const cells = lengths.flatMap((l) => depths.map((d) => cell(l, d, chance(l, d), at)))
  const half = total(cells.filter((_, i) => i % 2 === 0))
  return {
    task,
    language,
    digest: digestOf(at),
    haystack: { name: "Moby-Dick, held out", tokens: 41_000, removed: 0, repeatsAbove: 41_000 },
    total: total(cells),
    trained: half,
    heldOut: total(cells.filter((_, i) => i % 2 === 1)),
    cells,
    whole: lengths.map((length) => ({ length, prompts: 72, right: 60 })),
  }
}

const good = (length: number): number => 0.995 - 0.006 * Math.log2(length / 256)
const bad = (length: number, depth: number): number =>
  length <= 256 ? 0.97 : Math.max(0, (length <= 512 ? 0.55 : 0.12) + (depth - 50) / (length <= 512 ? 160 : 220))

const found = <A>(
  stage: string,
  name: string,
  says: string,
  lane: Lane,
  reach: number | null,
  result: A,
): Found<A> => ({
  ...{ stage, name, says, lane, reach, result },
})

// ---- stages --------------------------------------------------------------------

const curve = (steps: number, from: number, to: number, peak: number, at: number): TrainingFacts["curve"] =>
  Array.from({ length: Math.min(256, steps) }, (_, i) => {
    const step = Math.round((i + 1) * steps / Math.min(256, steps))
    const fall = to + (from - to) * Math.exp(-5 * step / steps) - (step / steps > 0.4 ? 0.12 * to : 0)
    const loss = fall * (0.94 + 0.12 * noise(at, i))
    return { step, loss, rate: peak * Math.min(1, step / (0.1 * steps)), norm: 0.4 + noise(at, i, 1) }
  })

const plain = (
  name: string,
  about: string,
  at: number,
  needs: ReadonlyArray<string>,
  seconds: number | null,
): StageFacts => ({
  ...{ name, about, version: "1", key: digestOf(1000 + at), digest: digestOf(2000 + at), needs, seconds },
  ...{
    made: "wasm: 2 threads in deno",
    cached: seconds === null,
    settings: { seed: at, text: "moby-dick" },
    training: null,
  },
})

interface Lesson {
  readonly name: string
  readonly about: string
  readonly lane?: Lane
  readonly context: number
  readonly theta: number
  readonly rows: number
  readonly steps: number
  readonly from: number
  readonly to: number
  readonly before: string
  readonly seconds: number | null
}

const lesson = (l: Lesson, at: number): StageFacts => {
  const tokens = l.context * l.rows * l.steps
  const forecast = 21_000_000 + 9_400 * l.context * l.rows
  return {
    ...plain(l.name, l.about, at, ["tokens", l.before], l.seconds),
    settings: {
      config: { layers: 3, model: 128, theta: l.theta },
      recipe: { batch: l.rows, time: l.context },
      seed: at,
    },
    training: {
      ...{ lane: l.lane ?? "model", context: l.context, theta: l.theta, rows: l.rows, steps: l.steps, tokens },
      ...{ rate: 1e-3, parameters: 1_108_864, curve: curve(l.steps, l.from, l.to, 1e-3, at) },
      tokensPerSecond: l.seconds === null ? null : tokens / (l.seconds * 0.93),
      forecast,
      measured: l.seconds === null ? null : forecast + 262_144,
    },
  }
}

const book = "needles in the book, and text"
const lessons: ReadonlyArray<Lesson> = [
  {
    name: "base",
    about: "repeats and pairs first, then the book and needles",
    context: 256,
    theta: 1e4,
    rows: 32,
    steps: 4000,
    from: 7.2,
    to: 0.9,
    before: "tokens",
    seconds: null,
  },
  {
    name: "extend-512",
    about: book,
    context: 512,
    theta: 5e4,
    rows: 8,
    steps: 120,
    from: 1.3,
    to: 0.62,
    before: "base",
    seconds: 64,
  },
  {
    name: "extend-1K",
    about: book,
    context: 1024,
    theta: 2e5,
    rows: 4,
    steps: 120,
    from: 0.94,
    to: 0.55,
    before: "extend-512",
    seconds: 78,
  },
  {
    name: "extend-2K",
    about: book,
    context: 2048,
    theta: 1e6,
    rows: 2,
    steps: 110,
    from: 0.81,
    to: 0.5,
    before: "extend-1K",
    seconds: 96,
  },
  {
    name: "extend-4K",
    about: book,
    context: 4096,
    theta: 5e6,
    rows: 1,
    steps: 110,
    from: 0.74,
    to: 0.47,
    before: "extend-2K",
    seconds: 141,
  },
  {
    name: "chat",
    about: "questions about chunks of the book, and short chat",
    context: 4096,
    theta: 5e6,
    rows: 1,
    steps: 50,
    from: 1.4,
    to: 0.41,
    before: "extend-4K",
    seconds: 66,
  },
  {
    name: "control",
    about: "as extend-4K, from the base at once, theta as it was",
    lane: "control",
    context: 4096,
    theta: 1e4,
    rows: 1,
    steps: 110,
    from: 2.1,
    to: 1.35,
    before: "base",
    seconds: 139,
  },
]

// ---- text ----------------------------------------------------------------------

const bits = (name: string, lane: Lane, value: number, at: number): Found<BitsPerByte> =>
  found(`bits-${name}`, name, "", lane, null, {
    ...{ language: name, digest: digestOf(at), context: 256, tokens: 41_000, bytes: 122_098, bits: value },
  })

const positions = (name: string, lane: Lane, reach: number, at: number): Found<ByPosition> =>
  found(`positions-${name}`, name, "", lane, reach, {
    ...{ language: name, digest: digestOf(at), context: 4096, rows: 8 },
    bins: Array.from({ length: 24 }, (_, i) => {
      const [from, to] = [Math.round(2 ** (i / 2)), Math.round(2 ** ((i + 1) / 2))]
      const fall = 3.6 + 2.6 * Math.exp(-i / 4.5) + 0.04 * noise(at, i)
      return {
        from,
        to,
        tokens: 8 * (to - from),
        nats: lane === "control" && from > 256 ? fall + 0.5 * Math.log2(from / 256) : fall,
      }
    }).filter((b) => b.to > b.from),
  })

// ---- all of it -----------------------------------------------------------------

/** The run. */
export const run: ReportData = {
  format: "orrery-report",
  version: 1,
  pipeline: "world",
  title: "A small Llama learns to look back over 4,096 tokens",
  says:
    "A base that knows 256 tokens of context is extended four times, each time with a larger rotary base, tuned on " +
    "questions, and asked for needles in a part of Moby-Dick that it never read.",
  device: "wasm: 2 threads in deno (simd, relaxed simd)",
  stages: [
    plain("book", "Moby-Dick, its last tenth held out", 1, [], 0.4),
    plain("tokenizer", "byte pairs of the book that cross words; needles take ten tokens", 2, ["book"], 8),
    plain("tokens", "the book in tokens", 3, ["book", "tokenizer"], 1),
    ...lessons.map((l, i) => lesson(l, 10 + i)),
    plain("needles", "needle over lengths and depths", 30, ["chat", "book"], 71),
    plain("needles-control", "needle over lengths and depths", 31, ["control", "book"], 69),
  ],
  tests: [
    found(
      "needles",
      "With theta scaled",
      "Four extensions, theta from 10k to 5M, then tuned.",
      "model",
      4096,
      resultOf("needle", "chat", 1, good),
    ),
    found(
      "needles-control",
      "Control: theta as it was",
      "As many tokens of rows as long, but theta stays 10k.",
      "control",
      4096,
      resultOf("needle", "control", 2, bad),
    ),
    found(
      "multi",
      "With theta scaled",
      "Four needles are hidden, and two of them asked for.",
      "model",
      4096,
      resultOf("needles 2 of 4", "chat", 3, (l) => good(l) - 0.05),
    ),
    found(
      "multi-control",
      "Control",
      "Four needles are hidden, and two of them asked for.",
      "control",
      4096,
      resultOf("needles 2 of 4", "control", 4, (l, d) => bad(l, d) * 0.8),
    ),
    found(
      "keys",
      "With theta scaled",
      "The haystack is of pairs, and one of them is asked for.",
      "model",
      4096,
      resultOf("key of all that fit", "chat", 5, (l) => 1.2 - Math.log2(l) * 0.07),
    ),
    found(
      "variables",
      "With theta scaled",
      "All names of one value are asked for, over chains of assignments.",
      "model",
      4096,
      resultOf("variables 1 x 2", "chat", 6, (l) => 0.9 - Math.log2(l) * 0.06),
    ),
  ],
  bits: [
    bits("base", "model", 2.112, 1),
    bits("512", "model", 2.118, 2),
    bits("1K", "model", 2.123, 3),
    bits("2K", "model", 2.13, 4),
    bits("4K", "model", 2.139, 5),
    bits("chat", "model", 2.151, 6),
    bits("control", "control", 2.31, 7),
  ],
  marks: [{ tool: "xz -9e", bits: 2.953, bytes: 122_098 }, { tool: "bzip2 -9", bits: 2.652, bytes: 122_098 }],
  positions: [positions("with theta scaled", "model", 4096, 1), positions("control", "control", 4096, 2)],
  samples: [
    {
      prompt: "It was a clear steel-blue day. The firmaments of air and sea were ",
      answer:
        "hardly separable in that all-pervading azure; only the whale was still the ship, and the men of the boat stood up " +
        "to the sea.",
      label: "temperature 0.7, seed 1, after chat",
    },
    {
      prompt: "You are a helpful assistant. USER: Who is the captain of the Pequod? ASSISTANT:",
      answer: " Ahab.",
      label: "greedy, after chat",
    },
  ],
  questions: [{
    ...{ stage: "questions", by: "rules", chunks: 284, pairs: 241, nothing: 43, malformed: 0 },
    some: [
      { question: "Who said: “Avast! who be ye smokers?”", answer: "Stubb.", by: "rules" },
      { question: "Which word follows “the great white”?", answer: "whale", by: "rules" },
    ],
  }],
  base: {
    ...{
      name: "base.safetensors",
      digest: digestOf(77),
      bytes: 4_436_512,
      verified: true,
      madeBy: "npx -y deno task run base",
    },
    says: "shipped with the repository, 33 million tokens of training in an hour on one core.",
  },
  commands: ["npx -y deno task plan world", "npx -y deno task world", "npx -y deno task report world"],
  notes: ["extend-1K was interrupted and taken up again at step 80."],
  remarks: ["questions: 241 pairs by rules for 284 chunks"],
}
