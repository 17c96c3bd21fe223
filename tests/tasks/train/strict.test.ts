/** `ORRERY_WASM=strict`: the bytes that are learned do not depend on threads, nor on the engine that runs it. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../core/device/device.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { events } from "../../../tasks/events.ts"
import { memory } from "../../../tasks/store.ts"
import { train } from "../../../tasks/train/loop.ts"
import type { Trained } from "../../../tasks/train/training.ts"
import { packages, transpileFor } from "../../transpiled.ts"
import { inDeno, nodeLine, ownLine, run } from "./child.ts"
import { journalIn, training } from "./tiny.ts"

const it = suite("tasks/train/strict")

const module = "tests/tasks/train/process.ts"

/** What a process with these variables learns, as text. */
const learned = async (line: ReadonlyArray<string>, env: { readonly [name: string]: string }): Promise<string> => {
  const out = await mkdtemp(join(tmpdir(), "orrery-strict-"))
  try {
    const ended = await run([...line, out, "12"], { ORRERY_WASM: "strict", ...env })
    assert.is(ended.code, 0, ended.err)
    return ended.lines.findLast((l) => l.startsWith("trained ")) ?? ""
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

const inProcess = (threads: number): Promise<Trained> =>
  Effect.runPromise(
    Effect.flatMap(journalIn, (journal) => train(training, journal)).pipe(
      Effect.provide(Layer.mergeAll(events, layer(wasm({ memory: 2 ** 28, threads, relaxed: false })), memory())),
    ),
  )

it("one, two and three threads learn the same bytes", async () => {
  const one = await inProcess(1)
  for (const threads of [2, 3]) assert.equal(await inProcess(threads), one)
})

if (inDeno) {
  it("Deno and Node learn the same bytes", async () => {
    packages()
    const below = transpileFor(module, "strict")
    const node = nodeLine(process.env.NODE ?? "node", below, module)
    const ours = await learned(ownLine(module), { ORRERY_THREADS: "2" })
    assert.match(ours, /^trained \{"parameters":\{"digest":"[0-9a-f]{64}"/)
    assert.is(await learned(node, { ORRERY_THREADS: "1" }), ours)
  })
}

const described = (text: string | undefined): Promise<string> => {
  const before = process.env.ORRERY_WASM
  const set = (value: string | undefined): void => {
    if (value === undefined) delete process.env.ORRERY_WASM
    else process.env.ORRERY_WASM = value
  }
  set(text)
  const open = Effect.match(wasm({ memory: 2 ** 28, threads: 1 }), {
    onFailure: (fault) => `${fault.reason}: ${fault.message}`,
    onSuccess: ({ info }) => `${info.description} [${info.features.join(" ")}]`,
  })
  return Effect.runPromise(Effect.scoped(open)).finally(() => set(before))
}

it("the variable switches off what engines differ in, and says so", async () => {
  const strict = await described("strict")
  assert.match(strict, /strict SIMD \[threads=1 strict\]$/)
  assert.not.match(strict, /256 bits|large contractions/)
  assert.match(await described("relaxed"), /relaxed multiply-add/)
  assert.is(
    await described("exact"),
    "input: wasm: ORRERY_WASM is 'exact'; expected strict, relaxed, or leave it unset for relaxed",
  )
})

it.run()
