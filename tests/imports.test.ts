/**
 * The import lines of the whole house against the layering: arrows point down only, what is known knows nothing of
 * effects, packages are imported by the names that work everywhere, and no module can reach itself.
 */
import { posix } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { modules, type Source, sources } from "./house.ts"

/** One import line: who, what, and whether it is looked up only when it is run. */
interface Import {
  readonly from: string
  readonly to: string
  readonly dynamic: boolean
  /** Only types are imported: nothing is left of it at run time. */
  readonly types: boolean
}

const block = /^[ \t]*\/\*[\s\S]*?\*\//gm
const line = /^[ \t]*\/\/.*$/gm
const fixed = /^(?:import|export)\b(?:[^"'`;=()]*?\bfrom\s*)?\s*"([^"$]+)"/gm
const lazy = /\bimport\(\s*"([^"]+)"\s*\)/g

/** The import lines of a module; relative ones as paths from the top. */
const importsOf = ({ path, text }: Source): ReadonlyArray<Import> => {
  const code = text.replace(block, "").replace(line, "")
  const found = (pattern: RegExp, dynamic: boolean): ReadonlyArray<Import> =>
    [...code.matchAll(pattern)].map(([whole, to]) => ({
      from: path,
      to: to!.startsWith(".") ? posix.join(posix.dirname(path), to!) : to!,
      dynamic,
      types: /^(import|export) type /.test(whole),
    }))
  return [...found(fixed, false), ...found(lazy, true)]
}

/** Layers from the bottom; a module may import from its own layer and from those below. */
const layers: ReadonlyArray<ReadonlyArray<string>> = [
  ["core/tensor", "core/graph"], // a Tensor is a Node with narrower types
  ["core/files"],
  ["core/random"],
  ["core/grad"],
  ["core/rewrite"],
  ["core/kernel"],
  ["core/plan"],
  ["core/device/backend.ts"], // the contract that the machines below the Device service keep
  ["core/wasm", "core/wgsl"],
  ["core/device"],
  ["core/mesh"],
  ["ops"],
  ["models"],
  ["tasks"],
  ["mod.ts"],
]
const within = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + "/")
const layer = (path: string): number => layers.findIndex((folders) => folders.some((folder) => within(path, folder)))

/** Packages and where they may be imported; anything else may not be imported at all. */
const allowed: ReadonlyArray<{ readonly name: RegExp; readonly in: RegExp; readonly why: string }> = [
  { name: /^fp-ts$/, in: /./, why: "the root works in every runtime; deep paths do not" },
  { name: /^io-ts$/, in: /^(core|models|tasks|tests)\//, why: "foreign bytes are decoded there" },
  {
    name: /^effect\/\w+$/,
    in: /^(core\/(device|mesh)\/|core\/(wasm|wgsl)\/(backend|memory|modules|pool|blas|device)|(tasks|tests)\/)/,
    why: "what happens is the device's and the tasks'",
  },
  { name: /^node:\w+(\/\w+)?$/, in: /^(tasks|tests)\//, why: "core, ops and models load in a browser" },
  { name: /^(uvu|uvu\/assert|fast-check|esbuild|hyparquet-writer)$/, in: /^tests\//, why: "only tests use it" },
  { name: /^hyparquet$/, in: /^tasks\/data\//, why: "parquet is read where data is" },
  { name: /^@observablehq\/plot$|^linkedom$/, in: /^(tasks|tests)\//, why: "reports are drawn by tasks" },
  {
    name: /^@huggingface\/tokenizers$/,
    in: /^(models\/tokenizers|tests\/models)\//,
    why: "it reads tokenizer.json; pure",
  },
  { name: /^llama-tokenizer-js$/, in: /^(tasks|tests)\//, why: "Llama-2's vocabulary, for who hands it to the model" },
  { name: /^(mnist|sharp)$/, in: /^(tasks|tests)\/(tasks\/)?vision\//, why: "pictures are read where pictures are" },
  { name: /^@stdlib\//, in: /^(tasks|tests)\//, why: "data sets come with the task that reads them" },
  {
    name: /^@orrery\/orrery(\/tasks)?$/,
    in: /^tests\/(publish|browser)\//,
    why: "only users import the package by name",
  },
]
/** Looked up when it is run, so that a browser never sees it. */
const dynamicToo: typeof allowed = [
  { name: /^node:\w+(\/\w+)?$/, in: /^core\/(device|mesh|wasm|wgsl)\//, why: "the machine asks its runtime" },
  { name: /^(webgpu|koffi)$/, in: /^(core\/(device|mesh|wasm|wgsl)|tests)\//, why: "native addons are optional" },
]

const it = suite("import lines")
const all = modules.flatMap(importsOf)
const own = all.filter(({ from }) => !from.startsWith("tests/") && from !== "mod.ts")
const inside = (to: string): boolean => to.endsWith(".ts") || layer(to) >= 0 || within(to, "tests")
const show = (faults: ReadonlyArray<string>): void => assert.ok(faults.length === 0, "\n" + faults.join("\n"))

it("are found", () => {
  assert.ok(all.length > 50)
  const example =
    `/** import { x } from "no" */\nimport {\n  a,\n} from "./a.ts"\nexport * from "../b.ts"\nimport "c"\n` +
    `// import "no"\nexport const d = await import(${'"d"'})\nconst text = 'from "no"'\n`
  assert.equal(importsOf({ path: "core/x/y.ts", text: example }), [
    { from: "core/x/y.ts", to: "core/x/a.ts", dynamic: false, types: false },
    { from: "core/x/y.ts", to: "core/b.ts", dynamic: false, types: false },
    { from: "core/x/y.ts", to: "c", dynamic: false, types: false },
    { from: "core/x/y.ts", to: "d", dynamic: true, types: false },
  ])
})

it("point to files that are there, with their ending", () => {
  const paths = new Set(sources.map(({ path }) => path))
  show(
    all.filter(({ to }) => inside(to) && !paths.has(to)).map(({ from, to }) => `${from} imports ${to}: no such file`),
  )
})

it("point down only", () => {
  const upward = own.filter(({ from, to }) =>
    inside(to) && (layer(from) < 0 || layer(to) < 0 || layer(to) > layer(from))
  )
  show(upward.map(({ from, to }) => `${from} must not import ${to}: it lies above`))
})

it("name packages that may be imported there", () => {
  const fits = (i: Import): boolean =>
    [...allowed, ...(i.dynamic ? dynamicToo : [])].some((rule) => rule.name.test(i.to) && rule.in.test(i.from))
  const reason = ({ to }: Import): string =>
    [...allowed, ...dynamicToo].find(({ name }) => name.test(to))?.why ?? "it is not among the packages of the house"
  show(all.filter((i) => !inside(i.to) && !fits(i)).map((i) => `${i.from} must not import "${i.to}": ${reason(i)}`))
})

it("load in a browser: what users import asks the machine only when it is run", () => {
  const reached = new Set<string>(["mod.ts"])
  for (const path of reached) {
    const next = all.filter((i) => i.from === path && !i.types && !i.dynamic && inside(i.to))
    for (const { to } of next) reached.add(to)
  }
  assert.ok(reached.size > 100)
  const machine = all.filter((i) => reached.has(i.from) && !i.types && !i.dynamic && i.to.startsWith("node:"))
  show(machine.map((i) => `${i.from} must not import "${i.to}" at once: mod.ts reaches it`))
})

it("load without what is optional: tasks look up a package that not everybody installs when they need it", () => {
  const peers: object = JSON.parse(sources.find((s) => s.path === "package.json")!.text).peerDependencies
  const reached = new Set<string>(["tasks/mod.ts", "tasks/command/main.ts"])
  for (const path of reached) {
    for (const i of all) if (i.from === path && !i.types && !i.dynamic && inside(i.to)) reached.add(i.to)
  }
  assert.ok(reached.size > 200)
  const early = all.filter((i) => reached.has(i.from) && !i.types && !i.dynamic && i.to in peers)
  show(early.map((i) => `${i.from} must not import "${i.to}" at once: it is optional`))
})

it("make no cycle at run time", () => {
  const next = new Map<string, ReadonlyArray<string>>(
    modules.map((m) => [m.path, importsOf(m).filter((i) => !i.types).map(({ to }) => to).filter(inside)]),
  )
  const done = new Set<string>()
  const cycles: Array<string> = []
  const visit = (path: string, trail: ReadonlyArray<string>): void => {
    if (trail.includes(path)) return void cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "))
    if (done.has(path)) return
    for (const to of next.get(path) ?? []) visit(to, [...trail, path])
    done.add(path)
  }
  for (const path of next.keys()) visit(path, [])
  show(cycles)
})

it.run()
