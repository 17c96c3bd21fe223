/** Rows of the curriculum: exactly as long as asked, the same for a key, and what counts in them can be known. */
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostFold, type HostKey, hostKey } from "../../../../core/random/host.ts"
import type { Example } from "../../../../tasks/data/example.ts"
import { cities, divideCities, heldByDefault } from "../../../../tasks/evaluate/cities.ts"
import {
  type Ground,
  needleRow,
  pairRow,
  repeatRow,
  rowOf,
  textRow,
} from "../../../../tasks/recipes/desk/curriculum.ts"
import { ground, tokenizer } from "./ground.ts"

const it = suite("tasks/recipes/desk/curriculum")

const makers = { text: textRow, repeats: repeatRow, pairs: pairRow, needles: needleRow }
const kinds = Object.keys(makers) as ReadonlyArray<keyof typeof makers>
const none = { text: 0, repeats: 0, pairs: 0, needles: 0 }

const keyed = (seed: number): HostKey => hostFold(hostKey(seed), 3)
const length = fc.oneof(fc.integer({ min: 64, max: 600 }), fc.constantFrom(64, 65, 129, 257, 2049, 4097))
const holds = (numRuns: number, test: (seed: number, length: number) => void, lengths = length): void =>
  fc.assert(fc.property(fc.nat(1e6), lengths, test), { numRuns })

/** Stretches of tokens that count, one after the other. */
const answersOf = ({ tokens, counted }: Example): ReadonlyArray<{ readonly at: number; readonly ids: Int32Array }> =>
  Array.from(counted.keys()).filter((i) => counted[i] === 1 && counted[i - 1] !== 1).map((at) => {
    const end = counted.indexOf(0, at)
    return { at, ids: tokens.subarray(at, end < 0 ? tokens.length : end) }
  })

it("is exactly as long as asked, of known tokens, and the same for a key and no other", () => {
  for (const kind of kinds) {
    holds(25, (seed, length) => {
      const row = makers[kind](ground, keyed(seed), length)
      assert.is(row.tokens.length, length)
      assert.is(row.counted.length, length)
      assert.ok(row.tokens.every((id) => id >= 0 && id < ground.vocab))
      assert.ok(row.counted.every((c) => c === 0 || c === 1))
      assert.equal(makers[kind](ground, keyed(seed), length), row)
      assert.not.equal(makers[kind](ground, keyed(seed + 1), length).tokens, row.tokens)
    })
  }
})

/** Tokens of a needle with its lines, and of a question. */
const needle =
  tokenizer.encode("\nThe special magic Rome number is: 1234567\n What is the special magic Rome number?").length

it("is cut where it is too short for what it says, and filled up where the book is", () => {
  for (const kind of kinds) {
    holds(30, (seed, length) => {
      const row = makers[kind](ground, keyed(seed), length)
      assert.equal([row.tokens.length, row.counted.length], [length, length])
      if (kind === "needles") {
        const begin = [ground.bos, ...ground.phrases.opening].slice(0, length)
        assert.equal(Array.from(row.tokens.subarray(0, begin.length)), begin)
        const first = row.counted.indexOf(1)
        assert.ok(first < 0 || first >= begin.length + needle, "no answer before its needle and its question")
      }
    }, fc.integer({ min: 1, max: 63 }))
  }
  const short: Ground = { ...ground, book: ground.book.slice(0, 50) }
  for (const kind of kinds) {
    const row = makers[kind](short, keyed(1), 2000)
    assert.equal([row.tokens.length, row.counted.length], [2000, 2000])
  }
  const text = textRow(short, keyed(1), 80)
  const begin = text.counted.indexOf(1)
  assert.equal(text.tokens.slice(begin, begin + 50), short.book)
  assert.ok(text.tokens.slice(begin + 50).every((id) => id === ground.eos))
  assert.is(text.counted.reduce((n, c) => n + c, 0), 50)
})

/** What stands before a passage: nothing, the mark that begins a text, or that and the opening of a chat. */
const beginnings = [[], [ground.bos], [ground.bos, ...ground.phrases.opening]]

it("text: a passage of the book, of which everything counts, behind one of three beginnings, which do not", () => {
  const met = new Set<number>()
  holds(60, (seed, length) => {
    const { tokens, counted } = textRow(ground, keyed(seed), length)
    const begin = counted.indexOf(1)
    assert.ok(beginnings.some((b) => b.join() === tokens.subarray(0, begin).join()))
    met.add(begin)
    const passage = tokens.subarray(begin)
    assert.ok(counted.subarray(begin).every((c) => c === 1))
    let from = ground.book.indexOf(passage[0]!)
    while (from >= 0 && !passage.every((id, i) => ground.book[from + i] === id)) {
      from = ground.book.indexOf(passage[0]!, from + 1)
    }
    assert.ok(from >= 0)
  })
  assert.is(met.size, beginnings.length)
})

it("repeats: what counts came before, behind the same token; about half of a row counts", () => {
  let [all, counting] = [0, 0]
  holds(30, (seed, length) => {
    const { tokens, counted } = repeatRow(ground, keyed(seed), length)
    const seen = new Set<string>()
    for (let i = 0; i < length; i++) {
      const pair = `${tokens[i - 1]} ${tokens[i]}`
      if (counted[i] === 1) assert.ok(seen.has(pair), `token ${i} was never there before`)
      seen.add(pair)
    }
    all += length
    counting += counted.reduce((a, b) => a + b, 0)
  })
  assert.ok(counting / all > 0.4 && counting / all < 0.9, `${counting / all}`)
})

it("pairs: what counts are numbers, each said before of the same name, and of no name two", () => {
  const { is } = ground.phrases
  holds(30, (seed, length) => {
    const { tokens, counted } = pairRow(ground, keyed(seed), length)
    const known = new Map<string, number>()
    let before = 0
    for (let i = 1 + is.length; i < length; i++) {
      if (!is.every((id, j) => tokens[i - is.length + j] === id)) continue
      const name = String(tokens[i - is.length - 1])
      assert.match(tokenizer.decode([tokens[i]!]), /^[1-9]\d$/)
      if (counted[i] === 1) assert.is(known.get(name), tokens[i])
      else {
        assert.not.ok(known.has(name))
        before++
      }
      known.set(name, tokens[i]!)
    }
    const numbers = answersOf({ tokens, counted })
    assert.ok(before > 0 && numbers.length > 0 && numbers.every(({ ids }) => ids.length === 1))
    const behind = (at: number): boolean => is.every((id, j) => tokens[at - is.length + j] === id)
    assert.ok(numbers.every(({ at }) => behind(at)), "nothing else counts")
  })
})

const said = /The special magic ([^\n]+?) number is: (\d+)/g

it("needles: each is asked for once, and what counts is its number as the row says it, and the end", () => {
  holds(30, (seed, length) => {
    const row = needleRow(ground, keyed(seed), length)
    const answers = answersOf(row)
    const hidden = tokenizer.decode(row.tokens.subarray(0, answers[0]!.at))
    const needles = new Map(
      [...hidden.matchAll(/\nThe special magic ([^\n]+?) number is: (\d+)\n/g)].map((m) => [m[1], m[2]]),
    )
    assert.ok([...needles.values()].every((n) => /^[1-9]\d{6}$/.test(n!)), [...needles.values()].join())
    const asked = answers.flatMap(({ ids }) => {
      const text = tokenizer.decode(ids)
      const found = [...text.matchAll(said)]
      assert.is(text.trimStart(), found.map(([whole]) => whole).join("\n"))
      assert.is(ids.at(-1), ground.eos)
      assert.ok(found.length <= 3)
      return found.map((m) => [m[1], m[2]] as const)
    })
    assert.is(asked.length, needles.size)
    assert.equal(new Map(asked.sort()), new Map([...needles].sort()))
    assert.ok(needles.size <= Math.max(8, length / 64))
  })
})

it("never names a needle or a pair after a city that is held out, in two thousand rows", () => {
  const one = (city: string): number => tokenizer.encode(city)[0]!
  const heldOut = new Set(divideCities(heldByDefault).heldOut.map(one))
  const trained = new Set(divideCities(heldByDefault).trained.map(one))
  const { is } = ground.phrases
  const [named, wrong] = [new Set<number>(), new Set<number>()]
  for (let n = 0; n < 2000; n++) {
    const { tokens } = (n % 2 === 0 ? needleRow : pairRow)(ground, keyed(n), n % 2 === 0 ? 257 : 129)
    tokens.forEach((id, i) => {
      if (!is.every((x, j) => tokens[i + 1 + j] === x)) return
      if (heldOut.has(id)) wrong.add(id)
      if (trained.has(id)) named.add(id)
    })
  }
  assert.equal([...wrong].map((id) => tokenizer.decode([id])), [])
  assert.is(named.size, cities.length - heldByDefault, "all others are")
})

it("draws the kind of a row by the mixture", () => {
  for (const kind of kinds) {
    const key = keyed(7)
    assert.equal(rowOf(ground, { ...none, [kind]: 0.3 }, key, 129), makers[kind](ground, hostFold(key, 1), 129))
  }
  const mixture = { text: 1, repeats: 3, pairs: 0, needles: 0 }
  const rows = Array.from({ length: 400 }, (_, n) => rowOf(ground, mixture, keyed(n), 12))
  const texts =
    rows.filter(({ counted }) => counted.at(-1) === 1 && counted.lastIndexOf(0) < beginnings[2]!.length).length
  assert.ok(Math.abs(texts - 100) < 3 * Math.sqrt(400 * 0.25 * 0.75), `${texts} of 400`)
})

it("a long row is one, or two, four or eight short ones of its kind, none below 128 tokens", () => {
  const met = new Map<number, Set<number>>()
  fc.assert(
    fc.property(
      fc.nat(1e6),
      fc.constantFrom(200, 257, 513, 1025, 2049),
      fc.constantFrom(...kinds),
      (seed, length, kind) => {
        const row = rowOf(ground, { ...none, [kind]: 1 }, keyed(seed), length)
        assert.equal([row.tokens.length, row.counted.length], [length, length])
        const own = hostFold(keyed(seed), 1)
        const parts = [1, 2, 4, 8].find((n) => {
          const size = Math.floor(length / n)
          const first = makers[kind](ground, n === 1 ? own : hostFold(own, 0), length - (n - 1) * size)
          return first.tokens.every((id, i) => row.tokens[i] === id)
        })!
        const size = Math.floor(length / parts)
        for (let i = 1; i < parts; i++) {
          const from = length - (parts - i) * size
          const { tokens, counted } = makers[kind](ground, hostFold(own, i), size)
          assert.equal(row.tokens.slice(from, from + size), tokens)
          assert.is(row.counted[from], 0, "nobody can know how a row begins")
          assert.equal(row.counted.slice(from + 1, from + size), counted.slice(1))
        }
        met.set(length, (met.get(length) ?? new Set()).add(parts))
      },
    ),
    { numRuns: 200, seed: 1 },
  )
  assert.equal([...met.get(200) ?? []], [1])
  assert.ok([...met.get(257) ?? []].every((n) => n <= 2))
  assert.equal([...met.get(2049) ?? []].sort(), [1, 2, 4, 8])
})

it.run()
