/** The commands over stages: flags, exit codes, what they print, and what they leave alone. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { deviceFault } from "../../../core/device/backend.ts"
import { Device, layer } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { fault } from "../../../core/graph/fault.ts"
import { Mesh } from "../../../core/mesh/mesh.ts"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Surroundings } from "../../../tasks/command/around.ts"
import { commands } from "../../../tasks/command/command.ts"
import { parseLog, say } from "../../../tasks/events.ts"
import { adjustable } from "../../../tasks/recipes/adjust.ts"
import type { Recipe } from "../../../tasks/recipes/registry.ts"
import { pipeline, stage } from "../../../tasks/stage/stage.ts"
import { counter, total } from "../stage/counter.ts"

const it = suite("tasks/command")

// ---- pipelines ---------------------------------------------------------------

const counted = counter(3)
const words = pipeline("words", "Counts, and adds", { counted, total: total(counted) })
const huge = stage({
  ...{ name: "huge", version: "1", codec: t.null, settings: null, needs: {}, output: t.null },
  expects: () =>
    E.right({
      ...{ context: 131_072, steps: 1200, tokens: 4_831_838_208, flops: 2.1e20, memory: 138e15, mesh: "ring=4" },
      notes: ["theta 10M"],
    }),
  make: () => Effect.die("it must not run"),
})
const small = stage({
  ...{ name: "small", version: "1", codec: t.null, settings: null, needs: { huge }, output: t.null },
  expects: () => E.right({ flops: 1e6, memory: 1000 }),
  make: () => Effect.die("it must not run"),
})
const plans = pipeline("plans", "Too large for anyone", { huge, small })
const crooked = pipeline("crooked", "Does not compile", {
  crooked: stage({
    ...{ name: "crooked", version: "1", codec: t.null, settings: null, needs: {}, output: t.null },
    graphs: () => E.left([fault("SizeFault", "dot", "sizes differ")]),
    expects: () => E.left([fault("SizeFault", "dot", "sizes differ")]),
    make: () => Effect.die("it must not run"),
  }),
})
const broken = pipeline("broken", "Fails", {
  broken: stage({
    ...{ name: "broken", version: "1", codec: t.null, settings: null, needs: {}, output: t.null },
    make: () => Effect.andThen(say({ _tag: "Note", text: "so far" }), Effect.fail({ message: "the river is dry" })),
  }),
})
const oddly = (name: string, make: () => unknown) =>
  pipeline(name, "Fails oddly", {
    odd: stage({
      ...{ name: "odd", version: "1", codec: t.null, settings: null, needs: {}, output: t.unknown },
      make: make as () => Effect.Effect<unknown>,
    }),
  }) as Recipe
const thrower = (): never => {
  throw new TypeError("x is undefined")
}
const throwing = pipeline("throwing", "Throws when it is asked", {
  first: stage({
    ...{ name: "first", version: "1", codec: t.null, settings: null, needs: {}, output: t.null },
    graphs: thrower,
    make: () => Effect.die("it must not run"),
  }),
  second: stage({
    ...{ name: "second", version: "1", codec: t.null, settings: null, needs: {}, output: t.null },
    expects: thrower,
    make: () => Effect.die("it must not run"),
  }),
  third: counted,
})
const meshed = pipeline("meshed", "Says which mesh there is", {
  meshed: stage({
    ...{ name: "meshed", version: "1", codec: t.null, settings: null, needs: {}, output: t.string },
    make: () =>
      Effect.gen(function* () {
        yield* Device
        const mesh = yield* Effect.serviceOption(Mesh)
        return Option.isSome(mesh) ? mesh.value.description : "none"
      }),
  }),
})

// ---- running -----------------------------------------------------------------

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Calls commands in a folder of their own. */
const inFolder = async (
  use: (call: (line: string, more?: Partial<Surroundings>) => Promise<Said>, root: string) => Promise<void>,
): Promise<void> => {
  const root = await mkdtemp(join(tmpdir(), "orrery-"))
  const call = async (line: string, more: Partial<Surroundings> = {}): Promise<Said> => {
    let [out, err] = ["", ""]
    const around: Surroundings = {
      terminal: { interactive: false, columns: 80, write: (text) => void (out += text) },
      complain: (text) => void (err += text),
      recipes: [words, plans, crooked, broken, meshed] as ReadonlyArray<Recipe>,
      device: () => layer(oracle, "a test"),
      launch: undefined,
      confirm: () => Effect.succeed(false),
      ...more,
    }
    const [name, ...args] = line.split(" ")
    const code = await Effect.runPromise(commands[name!]!(around, [...args, `--root=${join(root, "runs")}`]))
    return { code, out, err }
  }
  try {
    await use(call, root)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

it("every command has help, and says what was wrong with its flags", () =>
  inFolder(async (call, root) => {
    for (const name of Object.keys(commands)) {
      const help = await call(`${name} --help`)
      assert.is(help.code, 0)
      assert.match(help.out, new RegExp(`deno task ${name} [\\[<]pipeline`))
      assert.is(help.err, "")
      const wrong = await call(`${name} --nonsense`)
      assert.is(wrong.code, 2)
      assert.match(wrong.err, /nonsense/)
      assert.is((await call(`${name} one two`)).code, 2)
    }
    assert.match((await call("run words --mesh=4")).err, /^--mesh is '4'; expected sizes of ring and data/)
    assert.match((await call("run words --device=gpu")).err, /^--device is 'gpu'; expected one of webgpu, wasm, oracle/)
    const unknown = await call("run wrods")
    assert.is(unknown.code, 1)
    assert.match(unknown.err, /^wrods: there is no such pipeline; there are words, plans/)
    assert.match((await call("run words --stage=x")).err, /has no such stage; it has counter, total/)
    const unnamed = await call("run")
    assert.is(unnamed.code, 2)
    assert.match(unnamed.err, /^name a pipeline: words, plans[^]*deno task run <pipeline>/)
    for (const line of ["run words --stage=counter --stage=total", "list words --json --json"]) {
      const twice = await call(line)
      assert.is(twice.code, 2)
      assert.match(twice.err, /^--(stage|json) is said twice; say it once/)
    }
    const vast = await call("run words --mesh=ring=1000000000")
    assert.is(vast.code, 2)
    assert.match(vast.err, /^--mesh is 'ring=1000000000'; expected .*, 4096 ranks in all at most/)
    assert.match((await call("run words --with=a")).err, /^--with is 'a'; expected settings and their values/)
    assert.match((await call("plan words --with=a=1")).err, /the pipeline has no settings to be said; leave --with out/)
    assert.match((await call("list --with=a=1")).err, /settings are those of one pipeline: name it/)
    assert.equal(await readdir(root), [], "nothing was written")
  }))

it("a smaller run of a pipeline is named by its own name, and left out where nothing is named", () =>
  inFolder(async (call) => {
    const scaled = adjustable(
      (to: number) => pipeline(to === 2 ? "upto" : "upto-quick", "", { counted: counter(to) }),
      {
        standard: 2,
        settings: { scale: { about: "quick", set: (_, text) => text === "quick" ? E.right(1) : E.left("quick") } },
      },
    )
    const more = { recipes: [scaled as unknown as Recipe] }
    assert.match((await call("run upto --quick", more)).out, /^counter {2}done/)
    assert.match((await call("list upto-quick", more)).out, /cached/)
    assert.match((await call("run upto-quick", more)).out, /counter {2}cached/)
    assert.not.match((await call("list", more)).out, /quick/)
    assert.match((await call("list upto", more)).out, /missing/)
  }))

it("settings are said by --with", () =>
  inFolder(async (call) => {
    const adjusted = adjustable((to: number) => pipeline("upto", "Counts", { counted: counter(to) }), {
      standard: 2,
      settings: { to: { about: "how far", set: (_, text) => E.right(Number(text)) } },
    })
    const recipes = [adjusted as unknown as Recipe]
    const more = { recipes }
    assert.match((await call("run upto --with=to=4", more)).out, /^counter {2}done/)
    assert.match((await call("list upto --with=to=4", more)).out, /cached/)
    assert.match((await call("list upto", more)).out, /missing/)
    assert.match(
      (await call("plan upto --with=from=4 --no-time", more)).err,
      /no setting 'from'; there are to \(how far\)/,
    )
  }))

it("run makes what is not there, a line a stage, and writes a log; list and plan tell how it stands", () =>
  inFolder(async (call, root) => {
    assert.match((await call("list words")).out, /counter +missing +\w{12}.*\n +total +unknown +\? +needs counter/)
    const first = await call("run words")
    assert.equal([first.code, first.err], [0, ""])
    assert.match(first.out, /^counter {2}done in 0:0\d {2}\w{12}\ntotal {2}done in 0:0\d {2}\w{12}\n$/)
    const second = await call("run words")
    assert.match(second.out, /^counter {2}cached {2}\w{12}\ntotal {2}cached {2}\w{12}\n$/)
    assert.match((await call("list words")).out, /counter +cached +\w{12} +\d+ B/)
    assert.match((await call("plan words --no-time")).out, /to be done +0 of 2/)
    const forced = await call("run words --stage=counter --force")
    assert.match(forced.out, /^counter {2}done in/)
    const log = parseLog(await readFile(join(root, "runs/words/log.jsonl"), "utf8"))
    assert.equal(
      log.filter((e) => e._tag.startsWith("Stage")).map((e) => `${e.stage} ${e._tag.slice(5)}`),
      [
        ...["counter Started", "counter Finished", "total Started", "total Finished"],
        ...["counter Cached", "total Cached", "counter Started", "counter Finished"],
      ],
    )
    const listed = JSON.parse((await call("list words --json")).out)
    assert.equal(listed[0].stages.map((s: { readonly state: string }) => s.state), ["cached", "cached"])
  }))

it("a stage that fails is a sentence and exit code 1", () =>
  inFolder(async (call) => {
    const { code, out, err } = await call("run broken")
    assert.equal([code, out, err], [1, "broken  note: so far\n", "broken: the river is dry\n"])
    const gone = { device: () => Layer.effect(Device, Effect.fail(deviceFault("unavailable", "no device works"))) }
    assert.equal(await call("run words", gone), { code: 1, out: "", err: "no device works\n" })
    assert.is((await call("list")).code, 1, "a graph that does not trace")
    assert.match((await call("list")).err, /crooked: crooked: dot: sizes differ/)
  }))

it("whatever a stage fails with, a sentence names it and says what to do, and the log tells it", () =>
  inFolder(async (call, root) => {
    const service = Context.Service<number, number>("c2")
    const ways: ReadonlyArray<readonly [() => unknown, RegExp]> = [
      [() => Effect.fail("plain"), /^odd: it failed with 'plain'; fail with a record that has a `message`/],
      [thrower, /^odd: its effect threw TypeError: x is undefined \(.*command\.test.*\); mend it and run again/],
      [() => Effect.die({ a: 1 }), /^odd: its effect threw {"a":1}; mend it and run again/],
      [() => Effect.interrupt, /^odd: it was interrupted; run again/],
      [() => service, /^odd: it needs the service 'c2', which nobody provides; provide it in `make`/],
    ]
    for (const [make, why] of ways) {
      const { code, err } = await call("run oddly", { recipes: [oddly("oddly", make)] })
      assert.is(code, 1)
      assert.match(err, why)
      assert.not.match(err, /Cause|Cannot use 'in'/)
      const log = parseLog(await readFile(join(root, "runs/oddly/log.jsonl"), "utf8"))
      const last = log.at(-1)
      assert.ok(last?._tag === "StageFailed" && err.includes(last.why), "told in the log, too")
    }
  }))

it("a stage that throws when it is asked is named, and list and plan show the others", () =>
  inFolder(async (call) => {
    const recipes = { recipes: [throwing as unknown as Recipe] }
    const listed = await call("list throwing", recipes)
    assert.is(listed.code, 1)
    assert.match(listed.out, /first +wrong +\?.*\n +second +missing .*\n +counter +missing/)
    assert.is(
      listed.err,
      "throwing: first: its `graphs` threw TypeError: x is undefined; mend it, or give what is wrong as a left\n",
    )
    const planned = await call("plan throwing --no-time", recipes)
    assert.is(planned.code, 1)
    assert.match(planned.out, /counter +missing/)
    assert.match(planned.out, /second: its `expects` threw TypeError: x is undefined/)
    assert.match((await call("run throwing", recipes)).err, /^first: its `graphs` threw/)
  }))

it("needs that form a cycle are told by run, plan and list", () =>
  inFolder(async (call) => {
    const needs: { b?: unknown } = {}
    const form = { version: "1", codec: t.null, settings: null, output: t.null, make: () => Effect.succeed(null) }
    const a = stage({ ...form, name: "a", needs: needs as Record<never, never> })
    needs.b = stage({ ...form, name: "b", needs: { a } })
    const recipes = { recipes: [pipeline("ring", "Turns", { a }) as Recipe] }
    for (const line of ["run ring", "list ring", "plan ring --no-time", "report ring"]) {
      const { code, err } = await call(line, recipes)
      assert.is(code, 1, line)
      assert.match(err, /a: needs form no cycle, and these do: a -> b -> a/, line)
    }
  }))

it("a mesh that is asked for reaches stages, and no other does", () =>
  inFolder(async (call, root) => {
    const made = async (): Promise<string> => {
      const folder = join(root, "runs/stages/meshed")
      return JSON.parse(await readFile(join(folder, (await readdir(folder))[0]!), "utf8")).value
    }
    assert.is((await call("run meshed")).code, 0)
    assert.is(await made(), "none")
    assert.is((await call("run meshed --mesh=ring=2,data=2 --force")).code, 0)
    assert.is(await made(), "local: 4 ranks (data 2 x ring 2), zigzag")
    const launch = { launcher: "mpirun", kind: undefined, rank: 0, size: 2, line: undefined }
    assert.match(
      (await call("run meshed", { launch })).err,
      /mpirun started 2 ranks; say how they lie, as by --mesh=ring=2/,
    )
  }))

it("plan tells what it will take, flags what does not fit, and runs nothing", () =>
  inFolder(async (call, root) => {
    const { code, out, err } = await call("plan plans")
    assert.equal([code, err], [0, ""])
    assert.match(out, /stage +state +context +steps +tokens +operations +mesh +memory\/rank +time/)
    assert.match(out, /huge +missing +131,072 +1,200 +4,831,838,208 +210 EFLOP +ring=4 +138000 TB +[\d.e+]+ years/)
    assert.match(out, /small +missing, no key yet .* 1\.00 MFLOP +1\.0 kB/)
    assert.match(out, /to be done +2 of 2/)
    assert.match(
      out,
      /huge: theta 10M; needs 138000 TB a rank and this machine has .*: spread its rows over more ranks/,
    )
    assert.match(out, /Stages without a key need what is not made yet/)
    assert.match(out, /Time is for oracle.*, at [\d.]+ [kMG]FLOP\/s, measured 20\S+ \S+ UTC, .* ago/)
    assert.match(out, /in all +2 of 2 /)
    assert.equal(await readdir(join(root, "runs")), ["rates"], "only the measured rate is kept")
    const [file] = await readdir(join(root, "runs/rates"))
    const path = join(root, "runs/rates", file!)
    const kept = JSON.parse(await readFile(path, "utf8"))
    const at = async (age: number, flags = ""): Promise<number> => {
      await writeFile(path, JSON.stringify({ ...kept, flops: 7, at: Date.now() - age }))
      return JSON.parse((await call(`plan plans --json${flags}`)).out)[0].rate
    }
    assert.is(await at(3600_000), 7, "an hour old: believed")
    assert.is.not(await at(25 * 3600_000), 7, "more than a day old: measured anew")
    assert.is.not(await at(3600_000, " --measure"), 7, "asked for")
    const data = JSON.parse((await call("plan plans --json --no-time")).out)
    assert.is(data[0].stages[0].tokens, 4_831_838_208)
    assert.is(data[0].total.flops, 2.1e20 + 1e6)
    const bad = await call("plan crooked --no-time")
    assert.is(bad.code, 1)
  }))

it("clean says what goes, asks on a terminal only, and removes no more than it is told", () =>
  inFolder(async (call, root) => {
    await call("run words")
    assert.is((await call("clean")).out, "nothing to remove\n")
    const dry = await call("clean words --stage=total --dry-run")
    assert.match(
      dry.out,
      /^stages\/total\/\w+\.json {2}\d+ B\nblobs\/\w+ {2}\d+ B\nwould remove \d+ B: 1 outputs, 1 files\n$/,
    )
    const asked: Array<string> = []
    const person = (answer: boolean): Partial<Surroundings> => ({
      terminal: { interactive: true, columns: 80, write: () => undefined },
      confirm: (q) => Effect.sync(() => (asked.push(q), answer)),
    })
    assert.is((await call("clean words", person(false))).code, 1)
    assert.match((await call("list words")).out, /total +cached/)
    assert.match((await call("clean words --stage=total")).out, /^removed \d+ B: 1 outputs, 1 files\n$/)
    assert.match((await call("list words")).out, /total +missing/)
    assert.is((await call("clean words", person(true))).code, 0)
    assert.match(asked.join(), /^remove .*: 2 outputs, 2 files below .*runs\?,/)
    await call("run words")
    assert.is((await call("clean --all")).code, 0)
    assert.is(
      (await readdir(join(root, "runs"), { recursive: true, withFileTypes: true })).filter((f) => f.isFile()).length,
      0,
    )
  }))

it("pipelines of a module of one's own are known by --from", () =>
  inFolder(async (call, root) => {
    const path = join(root, "mine.mjs")
    const base = new URL("../../../tasks/stage/stage", import.meta.url).href
    const ending = import.meta.url.endsWith(".ts") ? "ts" : "js"
    await writeFile(
      path,
      `import { pipeline } from "${base}.${ending}"\nexport const own = [pipeline("mine", "My own", {})]\n`,
    )
    assert.match((await call(`list mine --from=${path}`)).out, /^mine: My own/)
    assert.match((await call(`list nope --from=${path}`)).err, /there are mine, words/)
    await writeFile(join(root, "none.mjs"), "export const x = 1\n")
    assert.match((await call(`list --from=${join(root, "none.mjs")}`)).err, /exports no pipeline/)
    assert.match((await call(`list --from=${join(root, "gone.mjs")}`)).err, /gone\.mjs: the module cannot be read/)
    const make = (name: string, ...of: ReadonlyArray<string>) =>
      writeFile(
        join(root, name),
        `import { pipeline } from "${base}.${ending}"\n` +
          of.map((p, i) => `export const p${i} = pipeline("${p}", "${i}", {})\n`).join(""),
      )
    await make("same.mjs", "words")
    const same = await call(`list words --from=${join(root, "same.mjs")}`)
    assert.is(same.code, 0)
    assert.match(same.err, /^words: the pipeline of .*same\.mjs stands in the place of the one of the house; rename it/)
    await make("two.mjs", "own", "own")
    const two = await call(`list own --from=${join(root, "two.mjs")}`)
    assert.is(two.code, 1)
    assert.match(two.err, /^own: .*two\.mjs exports two pipelines of this name; rename one/)
    await writeFile(join(root, "lost.mjs"), `import "a-package-that-nobody-has"\n`)
    const lost = await call(`list --from=${join(root, "lost.mjs")}`)
    assert.match(lost.err, /finds packages where it lies: put it into this project, or into one whose deno\.json or/)
    assert.not.match(lost.err, /deno add/, "a hint for another project")
  }))

it.run()
