/**
 * Variable tracking (RULER: Hsieh et al., 2024): chains of assignments are spread over the haystack, and all names are asked
 * for that have one value. To find the last name of a chain, all links before it must be followed.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { positive } from "../../core/files/codec.ts"
import { hostFold } from "../../core/random/host.ts"
import { below, letters, numbers, roundKey, sample, trialKey } from "./draws.ts"
import { assemble, type Hidden, type Prompt } from "./prompt.ts"
import {
  atDrawnDepths,
  type Posed,
  type PoseFault,
  poseFault,
  type Scene,
  scoreBy,
  type Task,
  type Trial,
} from "./task.ts"
import { fill } from "./wording.ts"

// ---- types -------------------------------------------------------------------

/** How much is to be followed. */
export interface Variables {
  /** Around it all: `{context}`, then `{value}`, which is asked for. */
  readonly template: string
  readonly chains: number
  /** Assignments of a name to a name in each chain. */
  readonly hops: number
  /** Digits of a value, 2 to 9. */
  readonly digits: number
  /** Capital letters of a name, 2 to 9. */
  readonly letters: number
}

/** The codec of these settings. */
export const Variables: t.Type<Variables, unknown> = t.strict({
  template: t.string,
  chains: positive,
  hops: positive,
  digits: positive,
  letters: positive,
})

/** RULER's: one chain of four hops. */
export const rulerVariables: Variables = {
  template: "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n{context}\n" +
    "Question: Find all variables that are assigned the value {value} in the text above. Answer:",
  chains: 1,
  hops: 4,
  digits: 5,
  letters: 5,
}

// ---- the task ------------------------------------------------------------------

const purpose = { names: 0, values: 1, depths: 2 } as const

const wrong = (v: Variables): string | undefined => {
  const names = v.chains * (v.hops + 1)
  if (v.digits < 2 || v.digits > 9) return `values have 2 to 9 digits, not ${v.digits}`
  if (v.letters < 2 || v.letters > 9) return `names have 2 to 9 letters, not ${v.letters}`
  if (v.chains > 3 * 10 ** (v.digits - 1)) {
    return `there are not ${v.chains} values of ${v.digits} digits; take more digits`
  }
  return names > 26 ** v.letters / 3
    ? `there are not ${names} names of ${v.letters} letters; take more letters`
    : undefined
}

/** Depths of a chain, rising: of the grid's, none twice, where there are enough of them. */
const depthsOf = (
  scene: Scene,
  v: Variables,
  key: ReturnType<typeof trialKey>,
  chain: number,
): ReadonlyArray<number> => {
  const own = hostFold(key, chain)
  const count = v.hops + 1
  const drawn = scene.depths.length >= count
    ? sample(own, scene.depths, count)
    : Array.from({ length: count }, (_, i) => below(hostFold(own, i), 100_001) / 1000)
  return [...drawn].sort((a, b) => a - b)
}

const pose = (v: Variables) => (scene: Scene, trial: Trial): E.Either<PoseFault, Posed> => {
  const fault = wrong(v)
  if (fault !== undefined) return E.left(poseFault(fault))
  const key = trialKey(scene.seed, trial)
  const size = v.hops + 1
  const names = letters(hostFold(key, purpose.names), v.chains * size, v.letters)
  const values = numbers(hostFold(key, purpose.values), v.chains, v.digits)
  const hidden = values.flatMap((value, c) =>
    depthsOf(scene, v, hostFold(key, purpose.depths), c).map((depth, i): Hidden => {
      const name = names[c * size + i]!
      return { depth, text: ` VAR ${name} = ${i === 0 ? value : `VAR ${names[c * size + i - 1]}`}.` }
    })
  )
  const [head = "", tail = ""] = v.template.split("{context}")
  const parts = {
    length: trial.length,
    bos: true,
    head,
    tail: [fill(tail, { value: values[0]! })],
    hidden,
    passage: roundKey(scene.seed, trial.round),
  }
  const first = names.slice(0, size)
  return E.map(({ tokens, at }: Prompt): Posed => ({
    tokens,
    reply: ` ${first.join(", ")}`,
    wanted: first.map((name, i) => ({
      key: values[0]!,
      value: name,
      depth: hidden[i]!.depth,
      at: at[i]!,
      heldOut: false,
    })),
  }))(assemble(scene, parts))
}

/** The names of a value, as one finds them who sees this text and nothing else. */
const solve = (v: Variables) => (prompt: string): string | undefined => {
  const question = fill((v.template.split("{context}")[1] ?? "").trim().replace(/[.*+?^$()|[\]\\]/g, "\\$&"), {
    value: "(\\d+)",
  })
  const asked = [...prompt.matchAll(new RegExp(question, "g"))].at(-1)?.[1]
  if (asked === undefined) return undefined
  const value = new Map<string, string>()
  for (const [, name, is] of prompt.matchAll(/VAR ([A-Z]+) = (?:VAR )?(\w+)\./g)) {
    value.set(name!, value.get(is!) ?? is!)
  }
  return ` ${[...value].filter(([, is]) => is === asked).map(([name]) => name).join(", ")}`
}

/** The test of these settings. */
export const variablesTask = (name: string, v: Variables): Task => ({
  name,
  trials: atDrawnDepths,
  pose: pose(v),
  score: scoreBy(new RegExp(`\\b[A-Z]{${v.letters}}\\b`, "g"), false),
  solve: solve(v),
})
