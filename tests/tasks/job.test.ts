/** The main job from outside: flags, settings, sampling, exit codes. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { deviceFault } from "../../core/device/backend.ts"
import { Device } from "../../core/device/device.ts"
import { type Options, parse } from "../../tasks/arguments.ts"
import { main } from "../../tasks/job.ts"
import { checkSettings, decodeSettings, encodeSettings, listed, standard, withSteps } from "../../tasks/settings.ts"

const it = suite("tasks/job")

const nothing: Options = {
  help: false,
  device: undefined,
  seed: undefined,
  steps: undefined,
  minutes: undefined,
  resume: false,
  out: undefined,
  settings: undefined,
}

it("flags that are right", () => {
  assert.equal(parse([]), E.right(nothing))
  assert.equal(
    parse(["--device=wasm", "--seed=7", "--steps", "20", "--out=x"]),
    E.right({ ...nothing, device: "wasm", seed: 7, steps: 20, out: "x" }),
  )
  assert.equal(parse(["--resume", "--out=x"]), E.right({ ...nothing, resume: true, out: "x" }))
  assert.equal(parse(["--minutes=0.5"]), E.right({ ...nothing, minutes: 0.5 }))
})

const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
  [["--stpes=3"], /'--stpes'/],
  [["more"], /more/],
  [["--device=tpu"], /--device is 'tpu'; expected webgpu, wasm, oracle/],
  [["--seed=-1"], /--seed/],
  [["--seed=1.5"], /--seed is '1.5'; expected a whole number/],
  [["--seed="], /--seed/],
  [["--steps=0"], /--steps is '0'; expected a whole number of 1 or more/],
  [["--steps=many"], /'many'/],
  [["--steps"], /--steps/],
  [["--minutes=0"], /--minutes/],
  [["--minutes=NaN"], /--minutes/],
  [["--resume=yes"], /--resume/],
  [["--out="], /--out is empty/],
  [["--steps=3", "--minutes=3"], /do not go together/],
  [["--resume", "--seed=3"], /do not go together: a run goes on with the settings it began with/],
]

for (const [args, sentence] of wrong) {
  it(`flags that are wrong give a sentence, the usage and exit code 2: ${args.join(" ")}`, async () => {
    const said: Array<string> = []
    const code = await Effect.runPromise(main(args, {
      terminal: { interactive: false, columns: 80, write: () => assert.unreachable("nothing is printed") },
      complain: (text) => void said.push(text),
      device: () => Layer.effect(Device, Effect.die("no device is opened")),
    }))
    assert.is(code, 2)
    assert.match(said.join("").split("\n")[0]!, sentence)
    assert.match(said.join(""), /deno task world \[flags\]/)
  })
}

it("any flags: options or a sentence, never a crash", () =>
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.constantFrom("--seed", "--steps", "--out", "--", "-h", "--resume"))),
      (args) => {
        const read = parse(args)
        assert.ok(E.isRight(read) || read.left.length > 0)
      },
    ),
    { seed: 1 },
  ))

/** Runs the job in a new folder with a device that never comes. */
const attempt = async (args: (root: string) => ReadonlyArray<string>, prepare?: (root: string) => Promise<unknown>) => {
  const root = await mkdtemp(join(tmpdir(), "orrery-"))
  const said: Array<string> = []
  try {
    await prepare?.(root)
    const code = await Effect.runPromise(main(args(root), {
      terminal: { interactive: false, columns: 80, write: () => undefined },
      complain: (text) => void said.push(text),
      device: () => Layer.effect(Device, Effect.fail(deviceFault("unavailable", "no device works: none is there"))),
    }))
    return { code, said: said.join(""), files: await readdir(root) }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

it("a run to go on with that is not there is a sentence and exit code 1", async () => {
  const { code, said } = await attempt((root) => ["--resume", `--out=${root}`])
  assert.is(code, 1)
  assert.match(said, /holds no run to go on with: leave --resume out/)
})

it("a folder that holds a run is not begun in again", async () => {
  const { code, said } = await attempt(
    (root) => [`--out=${root}`],
    (root) => writeFile(join(root, "settings.json"), "{}"),
  )
  assert.is(code, 1)
  assert.match(said, /holds a run already: go on with it by --resume, or choose another --out/)
})

it("a device that is not there is a sentence, and nothing is written", async () => {
  const { code, said, files } = await attempt((root) => [`--out=${root}`])
  assert.is(code, 1)
  assert.match(said, /^no device works: none is there\n$/)
  assert.equal(files, [])
})

it("settings that are missing, torn or impossible are sentences", async () => {
  const spoilt = (root: string) => writeFile(join(root, "s.json"), '{"version":2}')
  const flags = (root: string) => [`--out=${join(root, "new")}`, `--settings=${join(root, "s.json")}`]
  assert.match((await attempt(flags)).said, /^cannot read .*s\.json: there is no such file/)
  const { code, said } = await attempt(flags, spoilt)
  assert.is(code, 1)
  assert.match(said, /s\.json: version: expected 1, got 2\n.*s\.json: task: expected "world", got nothing\n/)
  const read = (text: string): string => {
    const e = decodeSettings(text)
    return E.isLeft(e) ? e.left.map((f) => f.message).join("; ") : "believed"
  }
  const text = encodeSettings(standard)
  assert.equal(decodeSettings(text), E.right(standard))
  assert.match(read(text.slice(0, -9)), /not JSON/)
  assert.match(read(text.replace('"layers": 2', '"layers": -2')), /layers: expected positive integer, got -2/)
  assert.match(read(text.replace('"head": 32', '"head": 31')), /head is 31; expected an even number/)
  assert.match(read(text.replace('"time": 128', '"time": 1280')), /recipe.time is 1280; expected 2 to 128/)
  assert.match(read(text.replace('"beta1": 0.9', '"beta1": 1')), /beta1/)
  assert.match(read(text.replace('"seed": 42', '"seed": 42, "seed": 43')), /twice/)
})

it("the standard settings keep their own rules, and so does every number of steps", () => {
  assert.equal(checkSettings(standard), E.right(standard))
  for (const steps of [1, 2, 9, 100, 1e6]) {
    const s = withSteps(standard, steps)
    assert.equal(checkSettings(s), E.right(s))
    assert.is(s.recipe.steps, steps)
  }
  assert.ok(listed(standard).every(([name, value]) => name !== "" && value !== ""))
})

it.run()
