/**
 * What every device must pass: goldens of every function, random kernels of every kind against the oracle's meaning,
 * searches for codes, chains of steps with `repeat`, empty and large sizes, and memory given back. A failure prints the kernel, the buffers,
 * the element, what was expected and what came.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { type Choice, type Draw, drawChain, drawKernel, everything, type Kind, tapes } from "./arbitrary.ts"
import { errors } from "./bound.ts"
import { type Golden, goldenCase, goldens, overflows, signedZeros } from "./golden.ts"
import { empty, type Large, large, overflowing } from "./large.ts"
import { conform, type Searches } from "./nearests.ts"
import { type Case, print } from "./program.ts"
import { judge, onDevice, type Verdict, wanted } from "./run.ts"

/** What to test; all of it by default. */
export interface Options {
  /** Random cases of each kind. */
  readonly runs?: number
  readonly seed?: number
  readonly kinds?: ReadonlyArray<Kind>
  readonly dtypes?: Choice
  readonly goldens?: boolean
  readonly chains?: boolean
  readonly large?: boolean
  /** Searches for the nearest code. */
  readonly searches?: Searches
  /** Does the device keep the sign of 0? WGSL need not. */
  readonly signedZeros?: boolean
  /** Are floats f32, so that what is beyond is infinite? Not so on the oracle. */
  readonly overflows?: boolean
}

/** All kinds of kernel. */
export const allKinds: ReadonlyArray<Kind> = ["map", "fold", "contract", "scatter", "cumulate", "sort"]

/** Smaller cases to try after a failure; the smallest one that fails by then is good enough. */
const enough = 150

/** What is wrong with a case on a device, or undefined. */
const faultOf = async (backend: Backend, reference: Backend, c: Case): Promise<string | undefined> => {
  // the oracle's own run finds a case that is not valid: the test is at fault then, and says so
  const checked = await Effect.runPromiseExit(onDevice(reference, c))
  if (Exit.isFailure(checked)) return `the case itself is not valid: ${checked.cause}\n${print(c)}`
  const want = wanted(c)
  const got = await Effect.runPromiseExit(onDevice(backend, c, 2))
  if (Exit.isFailure(got)) return `did not run: ${got.cause}\n${print(c)}`
  return judge(c, want, got.value).fault
}

/** Tries random cases; throws the smallest failing one found. */
export const holds = async (
  backend: Backend,
  reference: Backend,
  draw: Draw,
  runs: number,
  seed: number,
  shrinks: number = enough,
): Promise<void> => {
  let tries = 0
  let smallest: string | undefined
  await fc.check(
    fc.asyncProperty(tapes, async (numbers) => {
      // enough was shrunk: let the rest pass, undrawn
      if (smallest !== undefined && ++tries > shrinks) return true
      const c = draw(numbers)
      const fault = c === undefined ? undefined : await faultOf(backend, reference, c)
      if (fault === undefined) return true
      smallest = fault
      return false
    }),
    { numRuns: runs, seed },
  )
  if (smallest !== undefined) throw new Error(smallest)
}

/** What a device gives for golden rows otherwise than they say. */
export const goldenFault = async (backend: Backend, g: Golden, sign: boolean): Promise<string | undefined> => {
  const [got] = await Effect.runPromise(onDevice(backend, goldenCase(g)))
  const fails = g.rows.flatMap((r, i) => {
    const [want, x] = [r.at(-1)!, got![i]!]
    const exact = g.to !== "f32" || !Number.isFinite(want) || (sign && want === 0)
    const fn = g.name.split(" ")[0] as keyof typeof errors
    const bound = 1e-37 + 1e-5 * Math.abs(want) + (Number.isFinite(r[0]!) ? errors[fn]?.(r[0]!, want) ?? 0 : 0) +
      (g.name === "round to bf16" ? Math.abs(want) / 128 : 0)
    const right = exact ? (sign ? Object.is(x, want) : Object.is(x, want) || x === want) : Math.abs(x - want) <= bound
    const show = (v: number): string => (Object.is(v, -0) ? "-0" : `${v}`)
    return right ? [] : [`${g.name}: (${r.slice(0, -1).map(show).join(", ")}) gives ${show(x)}, expected ${show(want)}`]
  })
  return fails.length === 0 ? undefined : fails.join("\n")
}

const largeFault = async (backend: Backend, { case: c, want }: Large): Promise<string | undefined> => {
  const got = await Effect.runPromise(onDevice(backend, c))
  if (want === undefined) return judge(c, wanted(c), got).fault
  const wrong = got[0]!.length === c.program.buffers[c.program.outputs[0]!.buffer]!.elements ? undefined : "length"
  if (wrong !== undefined) return wrong
  for (let i = 0; i < got[0]!.length; i++) {
    if (got[0]![i] !== want(i)) return `element ${i}: expected ${want(i)}, got ${got[0]![i]}\n${print(c)}`
  }
  return undefined
}

/** How much of what a kind's cases compute is held to a bound: a suite that holds nothing to anything shows here. */
export const heldBy = (cases: fc.Arbitrary<Case>, runs: number, seed: number): Verdict =>
  fc.sample(cases, { numRuns: runs, seed }).map((c) => {
    const want = wanted(c)
    return judge(c, want, want.map((o) => o.map((w) => w.v)))
  }).reduce((a, b) => ({ held: a.held + b.held, all: a.all + b.all, fault: a.fault ?? b.fault }))

/** Registers and runs the suite of a device. The device is opened by the first test and closed by the last. */
export const conforms = (
  name: string,
  backend: Effect.Effect<Backend, DeviceFault, Scope.Scope>,
  options: Options = {},
): void => {
  const { runs = 60, seed = 1, dtypes = everything, kinds = allKinds } = options
  const it = suite(`${name} conforms`)
  const scope = Scope.makeUnsafe()
  let opened: Promise<Backend> | undefined
  const open = (): Promise<Backend> => opened ??= Effect.runPromise(Effect.provideService(backend, Scope.Scope, scope))
  const none = (fault: string | undefined): void => {
    if (fault !== undefined) throw new Error(fault)
  }

  const golden = (title: string, list: ReadonlyArray<Golden>, sign: boolean): void =>
    it(title, async () => {
      const device = await open()
      const faults: Array<string> = []
      for (const g of list) {
        const fault = await goldenFault(device, g, sign)
        if (fault !== undefined) faults.push(fault)
      }
      none(faults.length === 0 ? undefined : faults.join("\n"))
    })

  if (options.goldens ?? true) {
    golden("golden cases of every function", goldens, false)
    if (options.overflows ?? true) golden("what is beyond f32 is infinite", overflows, false)
    if (options.signedZeros ?? true) golden("zeros keep their sign", signedZeros, true)
  }
  for (const kind of kinds) {
    it(`random kernels: ${kind}`, async () => {
      await holds(await open(), await Effect.runPromise(oracle), drawKernel(kind, dtypes), runs, seed)
    })
  }
  if (options.chains ?? true) {
    it("random chains of steps and turns", async () => {
      await holds(await open(), await Effect.runPromise(oracle), drawChain(dtypes), runs, seed)
    })
  }
  const tags: ReadonlyArray<string> = kinds.map((k) => (k === "map" || k === "fold" ? "loop" : k))
  for (const l of [...empty, ...((options.large ?? true) ? large : [])]) {
    if (l.case.program.kernels.every((k) => tags.includes(k.tag))) {
      it(l.name, async () => none(await largeFault(await open(), l)))
    }
  }
  if ((options.overflows ?? true) && kinds.includes("cumulate")) {
    for (const l of overflowing) it(l.name, async () => none(await largeFault(await open(), l)))
  }
  it("finds the nearest code", async () => conform(await open(), options.searches ?? { runs: 20 }))
  it("gives all memory back", async () => {
    const device = await open()
    assert.is((await Effect.runPromise(device.memory)).bytes, 0)
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })
  it.run()
}
