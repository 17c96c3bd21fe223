/** deno.json and package.json say the same; packages are pinned; every task says what it does. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { sources } from "./house.ts"

const it = suite("manifests")

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly imports?: Readonly<Record<string, string>>
  readonly tasks?: Readonly<Record<string, { readonly description: string; readonly command: string }>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional: boolean }>>
  readonly devDependencies?: Readonly<Record<string, string>>
}
const read = (path: string): Manifest => JSON.parse(sources.find((s) => s.path === path)!.text)
const deno = read("deno.json"), npm = read("package.json")

it("agree on name, version and licence", () => {
  assert.equal([npm.name, npm.version, npm.license], [deno.name, deno.version, deno.license])
})

it("export the same modules: as written for JSR, as packed for npm", () => {
  const packed = Object.entries(deno.exports).map(([name, file]) => {
    const stem = String(file).replace(/\.ts$/, "")
    return [name, { types: `${stem}.d.ts`, default: `${stem}.js` }]
  })
  assert.equal(npm.exports, Object.fromEntries(packed))
})

it("pin every package to one version", () => {
  const all = { ...npm.dependencies, ...npm.optionalDependencies, ...npm.devDependencies }
  for (const [name, version] of Object.entries(all)) assert.match(version, /^\d+\.\d+\.\d+$/, name)
  for (const [name, at] of Object.entries(deno.imports ?? {})) assert.is(at, `npm:${name}@${all[name]}`)
})

it("leave what only some tasks need to who needs it, from the version that is tested", () => {
  const peers = Object.entries(npm.peerDependencies ?? {})
  assert.ok(peers.length > 0)
  for (const [name, range] of peers) assert.is(range, `^${npm.devDependencies?.[name]}`, name)
  const optional = Object.fromEntries(peers.map(([name]) => [name, { optional: true }]))
  assert.equal(npm.peerDependenciesMeta, optional)
})

it("describe every task", () => {
  for (const [name, task] of Object.entries(deno.tasks ?? {})) assert.ok(task.description?.length > 10, name)
})

it("name every task in the README", () => {
  const readme = sources.find((s) => s.path === "README.md")!.text
  const missing = Object.keys(deno.tasks ?? {}).filter((name) => !readme.includes(`\`${name}\``))
  assert.equal(missing, [])
  const rows = [...readme.matchAll(/^\| (`[^|]*`) /gm)].flatMap(([, names]) => names!.match(/[\w:]+/g) ?? [])
  assert.equal(rows.filter((name) => !(name in (deno.tasks ?? {}))), [], "tasks that are not there")
})

it.run()
