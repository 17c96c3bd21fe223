/** LWM's grammar of fields: exact tokens and masks of lines, and what is said of lists that cannot be read. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { examples, type Reader } from "../../../tasks/data/examples.ts"
import { parseFields } from "../../../tasks/data/fields.ts"
import { type Fields, listed } from "../../../tasks/data/source.ts"
import { bare, left, letters, readAll, right, said } from "./letters.ts"

const it = suite("tasks/data/fields")

const lines = (...all: ReadonlyArray<Fields>) =>
  listed("lines", Effect.succeed(all.map((fields, i) => ({ id: `lines:${i + 1}`, fields }))))

const [bos, eos] = [256, 257]
const codes = (text: string): ReadonlyArray<number> => Array.from(new TextEncoder().encode(text))

/** What a reader makes of a line: tokens, and the mask as text. */
const made = async (reader: Reader, fields: Fields, tokenizer = letters): Promise<unknown> => {
  const [reading] = await readAll(right(examples(lines(fields), reader, tokenizer)))
  const [, value] = said(reading!)
  return typeof value === "string" ? value : [Array.from(value.tokens), value.counted.join("")]
}

const line = { instruction: "Say", question: "q?", answer: "yes", fields: "[instruction],answer" }

it("reads a plain field, with a beginning that does not count and an end that does", async () => {
  assert.equal(await made({ fields: "answer" }, line), [[bos, ...codes("yes"), eos], "01111"])
  const plain = { fields: "answer", addBos: false, addEos: false }
  assert.equal(await made(plain, line, bare), [codes("yes"), "111"])
})

it("gives no loss in brackets", async () => {
  assert.equal(await made({ fields: "[question],answer" }, line), [
    [bos, ...codes("q?"), ...codes("yes"), eos],
    "0001111",
  ])
})

it("joins fields by the separator, in one text", async () => {
  assert.equal(await made({ fields: "question+answer" }, line), [[bos, ...codes("q? yes"), eos], "01111111"])
  assert.equal(await made({ fields: "question+answer", separator: "--" }, line), [
    [bos, ...codes("q?--yes"), eos],
    "011111111",
  ])
})

it("defect f: [a+b],c reads both fields without loss, and then the third", async () => {
  assert.equal(await made({ fields: "[instruction+question],answer" }, line), [
    [bos, ...codes("Say q?"), ...codes("yes"), eos],
    "00000001111",
  ])
})

it("puts the tokens of literals, with loss or without", async () => {
  assert.equal(await made({ fields: "[question],<|eos|>,[<|bos|>],answer", addBos: false, addEos: false }, line), [
    [...codes("q?"), eos, bos, ...codes("yes")],
    "0010111",
  ])
})

it("prepends a text to the first field only, and to nothing if that is a literal", async () => {
  assert.equal(await made({ fields: "[question],answer", prepend: "> " }, line), [
    [bos, ...codes("> q?"), ...codes("yes"), eos],
    "000001111",
  ])
  assert.equal(await made({ fields: "<|bos|>,answer", prepend: "> ", addBos: false, addEos: false }, line), [
    [bos, ...codes("yes")],
    "1111",
  ])
})

it("takes the fields that a document names itself", async () => {
  assert.equal(await made({ fieldsFromExample: "fields" }, line), [
    [bos, ...codes("Say"), ...codes("yes"), eos],
    "00001111",
  ])
})

it("takes the list that is asked for, of those of the reader or of the document", async () => {
  const list = { ...line, fields: ["question", "[question],answer", "answer"] }
  for (const [fieldsIndex, expected] of [[0, "q?"], [2, "yes"]] as const) {
    const [tokens] = await made({ fieldsFromExample: "fields", fieldsIndex }, list) as [ReadonlyArray<number>]
    assert.equal(tokens, [bos, ...codes(expected), eos])
    const [own] = await made({ fields: list.fields, fieldsIndex }, line) as [ReadonlyArray<number>]
    assert.equal(own, tokens)
  }
})

it("defect n: a line draws its list by what it is, not by how many were read before it", async () => {
  const all = Array.from({ length: 300 }, (_, i) => ({ a: `a${i}`, b: `b${i}`, c: `c${i}`, fields: ["a", "b", "c"] }))
  const sequence = right(examples(lines(...all), { fieldsFromExample: "fields", seed: 5 }, letters))
  const straight = (await readAll(sequence)).map(said)
  for (const place of [1, 2, 7, 150]) {
    assert.equal((await readAll(sequence, place)).map(said), straight.slice(place))
  }
  const first = (i: number): string => String.fromCharCode((straight[i]![1] as { tokens: Int32Array }).tokens[1]!)
  const drawn = all.map((_, i) => first(i))
  for (const letter of ["a", "b", "c"]) {
    const times = drawn.filter((d) => d === letter).length
    assert.ok(Math.abs(times - 100) < 3 * Math.sqrt(300 * (1 / 3) * (2 / 3)), `${letter} ${times} times`)
  }
  const other = right(examples(lines(...all), { fieldsFromExample: "fields", seed: 6 }, letters))
  assert.not.equal((await readAll(other)).map(said), straight)
})

it("defect g: no text gets a beginning that was not asked for, wherever it stands", async () => {
  const [tokens] = await made({ fields: "[question],answer,question+answer" }, line) as [ReadonlyArray<number>]
  assert.equal(tokens.flatMap((token, i) => token === bos ? [i] : []), [0])
  assert.equal(await made({ fields: "answer" }, { answer: "<|bos|>" }), [[bos, ...codes("<|bos|>"), eos], "011111111"])
})

it("says what a document lacks", async () => {
  const cases: ReadonlyArray<readonly [Reader, Fields, RegExp]> = [
    [{ fields: "nothing" }, { a: "x", b: "y" }, /^it has no field 'nothing'; its fields are a, b$/],
    [{ fields: "constructor" }, {}, /^it has no field 'constructor'; its fields are none$/],
    [{ fields: "a" }, { a: 3 }, /^field 'a': expected text, got a number$/],
    [{ fields: "a" }, { a: null }, /^field 'a': expected text, got null$/],
    [{ fields: "a+b" }, { a: "x", b: ["y"] }, /^field 'b': expected text, got a list$/],
    [{ fieldsFromExample: "f" }, { a: "x" }, /^it has no field 'f'/],
    [{ fieldsFromExample: "f" }, { f: [] }, /^field 'f': expected fields as text or a list of such texts, got a list$/],
    [{ fieldsFromExample: "f" }, { f: "[a", a: "x" }, /^the fields '\[a' cannot be read at character 1: '\[' has no/],
    [{ fieldsFromExample: "f", fieldsIndex: 2 }, { f: ["a"], a: "x" }, /^it has 1 lists of fields, none of number 2$/],
    [{ fields: "a", addBos: false, addEos: false }, { a: "" }, /^it has no tokens$/],
  ]
  for (const [reader, fields, expected] of cases) assert.match(String(await made(reader, fields)), expected)
})

it("points at the character where a list of fields cannot be read", () => {
  const cases: ReadonlyArray<readonly [string, number, RegExp]> = [
    ["", 1, /a field's name is expected/],
    ["a,", 3, /a field's name is expected/],
    ["a,,b", 3, /a field's name is expected/],
    ["a, [b , c", 4, /'\[' has no '\]'/],
    ["[a,b]", 1, /'\[' has no '\]'/],
    ["a,b]", 4, /'\]' has no '\['/],
    ["[]", 2, /a field's name is expected/],
    ["[a+]", 4, /a field's name is expected/],
    ["a++b", 3, /a field's name is expected/],
    ["[[a]]", 2, /'\[' stands inside a field/],
    ["a[b]c", 2, /'\[' stands inside a field/],
    ["a,<|pad|>", 3, /<\|pad\|> is no token of the grammar/],
    ["a+<|bos|>", 3, /<\|bos\|> is a token and cannot be joined/],
  ]
  for (const [text, at, why] of cases) {
    const wrong = left(parseFields(text))
    assert.is(wrong.at, at, text)
    assert.match(wrong.why, why, text)
  }
})

it("reads what is right, with blanks or without", () => {
  const expected = [
    { counted: false, part: ["a", "b"] },
    { counted: true, part: "bos" },
    { counted: true, part: ["c d"] },
    { counted: false, part: "eos" },
  ]
  assert.equal(right(parseFields("[a+b],<|bos|>,c d,[<|eos|>]")), expected)
  assert.equal(right(parseFields(" [ a + b ] , <|bos|> ,c d , [ <|eos|> ]")), expected)
})

it("refuses readers that cannot work, before anything is read", () => {
  const source = lines(line)
  const said = (reader: Reader, tokenizer = letters): string => left(examples(source, reader, tokenizer)).message
  assert.match(said({}), /no fields are named/)
  assert.match(said({ fields: "a", fieldsFromExample: "b" }), /say fields or fieldsFromExample/)
  assert.match(said({ fields: ["a", "b"], fieldsIndex: 2 }), /fieldsIndex is 2; expected a whole number below 2/)
  assert.match(said({ fields: "a,,b" }), /the fields 'a,,b' cannot be read at character 3/)
  assert.match(said({ fields: "a" }, bare), /bare has no bos to be added; say addBos: false/)
  assert.match(said({ fields: "a", addBos: false }, bare), /bare has no eos to be added; say addEos: false/)
  assert.match(
    said({ fields: "a,<|eos|>", addBos: false, addEos: false }, bare),
    /ask for <\|eos\|>, which bare has not/,
  )
})

it("has another digest for another reader or tokenizer", async () => {
  const digest = (reader: Reader, tokenizer = letters): Promise<string> =>
    Effect.runPromise(right(examples(lines(line), reader, tokenizer)).digest)
  const all = await Promise.all([
    digest({ fields: "answer" }),
    digest({ fields: "[answer]" }),
    digest({ fields: "answer", prepend: ">" }),
    digest({ fields: "answer", seed: 1 }),
    digest({ fields: "answer" }, { ...letters, digest: "1".repeat(64) }),
  ])
  assert.is(new Set(all).size, all.length)
  assert.is(await digest({ fields: "answer", addBos: true, separator: " " }), all[0])
})

it.run()
