/** House style that neither the formatter nor the linter knows: small files, nothing unfinished, no machine's own paths. */
import process from "node:process"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { modules, type Source, sources } from "./house.ts"

const it = suite("house style")
const show = (faults: ReadonlyArray<string>): void => assert.ok(faults.length === 0, "\n" + faults.join("\n"))
const lines = ({ text }: Source): number => text.split("\n").length - 1

/** Where a pattern stands in a file, with the line. */
const places = (pattern: RegExp) => ({ path, text }: Source): ReadonlyArray<string> =>
  text.split("\n").flatMap((line, index) => pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])

/** Written in two halves, so that this file does not hold what it forbids. */
const word = (...halves: ReadonlyArray<string>): string => halves.join("")

/** Long lists of one kind of line, which nobody reads from top to bottom. */
const tables: ReadonlySet<string> = new Set(["core/wasm/instructions.ts"])

/** What may stand nowhere; a rule's exceptions are named. */
const forbidden: ReadonlyArray<{ readonly what: string; readonly pattern: RegExp; readonly except?: RegExp }> = [
  { what: "unfinished", pattern: new RegExp(`\\b(${word("TO", "DO")}|${word("FIX", "ME")}|${word("X", "XX")})\\b`) },
  { what: "a silenced checker", pattern: new RegExp(`@${word("ts-", "ignore")}|@${word("ts-", "nocheck")}`) },
  { what: "a silenced linter", pattern: new RegExp(word("deno-lint", "-ignore-file")) },
  { what: "an any", pattern: new RegExp(`(\\bas|:|<|=>) ${word("an", "y")}(\\[\\]|[,;)>]|$)`) },
  { what: "a test that hides others", pattern: new RegExp(`\\bit\\.${word("on", "ly")}\\(`) },
  { what: "a skip without a reason", pattern: /\bit\.skip\(/, except: /^tests\/(skip|style\.test)\.ts$/ },
  { what: "a hook (use a scope)", pattern: /\bit\.(before|after)(\.each)?\(/, except: /^tests\/runner\/cases\// },
  {
    what: "a path of one machine",
    pattern: new RegExp(`(^|[\\s"'\`(=:])/(${word("ho", "me")}|${word("ro", "ot")}|${word("wo", "rk")}|mnt|Users)/`),
  },
  {
    what: "a registry's or mirror's host",
    pattern: new RegExp(
      `${word("registry", ".npmjs")}|${word("deb", ".debian")}|files\\.${word("python", "hosted")}|proxy\\.golang`,
    ),
  },
  {
    what: "a version feature that Node 20 lacks",
    pattern:
      /\bimport\.meta\.main\b|\bPromise\.withResolvers\b|\bFloat16Array\(|\bObject\.groupBy\b|\bArray\.fromAsync\b/,
    except: /^tests\/style/,
  },
]

it("reads the house", () => assert.ok(sources.length > 40 && modules.some(({ path }) => path.startsWith("core/"))))

it("keeps files small", () => {
  const sorted = modules.filter((m) => lines(m) > 250).sort((a, b) => lines(b) - lines(a))
  const long = sorted.map((m) => `${lines(m)} lines: ${m.path}`)
  if (long.length > 0) process.stdout.write(`\n  over 250 lines:\n    ${long.join("\n    ")}\n  `)
  show(
    sorted.filter((m) => lines(m) > 400 && !tables.has(m.path)).map((m) =>
      `${m.path}: ${lines(m)} lines; split it (400 at most)`
    ),
  )
})

for (const { what, pattern, except } of forbidden) {
  it(`holds nowhere ${what}`, () => show(sources.filter(({ path }) => !except?.test(path)).flatMap(places(pattern))))
}

it("begins every module with what it is for", () => {
  const written = modules.filter(({ path }) => !/^tests\/runner\/cases\/|\.test\.ts$/.test(path))
  show(
    written.filter(({ text }) => !/^\/\*\*[\s\S]*?@module/.test(text)).map(({ path }) => `${path}: no module header`),
  )
})

it("names no folder after nothing", () => {
  show(modules.filter(({ path }) => /(^|\/)(utils?|common|misc|helpers?)(\/|\.ts$)/.test(path)).map(({ path }) => path))
})

it.run()
