/** Learned vocabularies: against a learner that counts everything again each time, and against the package that reads them. */
import * as library from "@huggingface/tokenizers"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type BpeRecipe, learnBpe, specials } from "../../../models/tokenizers/bpe.ts"
import type { TokenizerFile } from "../../../models/tokenizers/file.ts"
import { fromFile } from "../../../models/tokenizers/huggingface.ts"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { left, right, texts } from "./texts.ts"

const it = suite("models/tokenizers/bpe")

const learned = (recipe: BpeRecipe): { readonly file: TokenizerFile; readonly tokenizer: Tokenizer } => {
  const file = right(learnBpe(recipe))
  return { file, tokenizer: right(fromFile(file, { name: "learned" })) }
}
const mergesOf = (file: TokenizerFile) => file.model["merges"] as ReadonlyArray<readonly [string, string]>
const vocabOf = (file: TokenizerFile) => file.model["vocab"] as { readonly [token: string]: number }
/** Each token of a text as text. */
const shown = (t: Tokenizer, text: string): ReadonlyArray<string> => Array.from(t.encode(text), (id) => t.decode([id]))

/** Learns by definition: encodes the texts with what is known, counts all pairs, takes the first of the most frequent. */
const naive = (recipe: BpeRecipe): ReadonlyArray<readonly [string, string]> => {
  const plain = right(learnBpe({ ...recipe, vocab: 256, added: [], special: [] }))
  const grow = (file: TokenizerFile): TokenizerFile => {
    const vocab = vocabOf(file)
    const name = Object.keys(vocab)
    const tokenizer = right(fromFile(file, { name: "so far" }))
    const counts = new Map<string, number>()
    const cut = new library.Tokenizer(file, {}).pre_tokenizer!
    for (const text of recipe.texts) {
      for (const piece of cut(text) as ReadonlyArray<string>) {
        const ids = tokenizer.encode(tokenizer.decode(Array.from(piece, (c) => vocab[c]!)))
        ids.slice(1).forEach((r, i) => {
          const key = [ids[i]!, r].map((n) => String(n).padStart(6, "0")).join(" ")
          counts.set(key, (counts.get(key) ?? 0) + 1)
        })
      }
    }
    const best = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]
    if (name.length >= recipe.vocab || best === undefined || best[1] < (recipe.least ?? 2)) return file
    const [l, r] = best[0].split(" ").map((n) => name.find((t) => vocab[t] === Number(n))!) as [string, string]
    const grown = l + r in vocab ? vocab : { ...vocab, [l + r]: name.length }
    return grow({ ...file, model: { ...file.model, vocab: grown, merges: [...mergesOf(file), [l, r]] } })
  }
  return mergesOf(grow(plain))
}

it("are those of counting everything again for each merge", () => {
  const text = fc.array(fc.constantFrom("a", "b", "aa", "ab", " ", "\n", "7"), { maxLength: 40 }).map((p) => p.join(""))
  fc.assert(
    fc.property(fc.array(text, { maxLength: 3 }), fc.nat({ max: 10 }), (texts, more) => {
      const recipe = { texts, vocab: 256 + more, digits: false, added: [], special: [] }
      assert.equal(mergesOf(right(learnBpe(recipe))), naive(recipe))
    }),
    { numRuns: 60 },
  )
})

const novel = Array.from(
  { length: 40 },
  (_, i) =>
    `The special magic Rome number is: ${1000000 + 7919 * i}.\nThe special magic Dar es Salaam number is: ${i}!\n`,
)
const recipe: BpeRecipe = { texts: novel, vocab: 1420, added: ["Dar es Salaam", "Rome", "Romeo"] }

it("cross spaces, but neither numbers nor newlines", () => {
  const { tokenizer } = learned(recipe)
  assert.equal(shown(tokenizer, "The special magic Rome number is: 7654321\n"), [
    ...["The special magic ", "Rome", " number is: ", "765", "432", "1", "\n"],
  ])
})

it("have every number of one to three digits, with a 0 in front or not", () => {
  const { tokenizer } = learned(recipe)
  const all = ["0", "9", "00", "07", "42", "99", "000", "007", "100", "123", "321", "999"]
  for (const number of all) assert.is(tokenizer.encode(number).length, 1, number)
  for (let n = 0; n < 1000; n++) assert.is(tokenizer.encode(String(n).padStart(3, "0")).length, 1)
})

it("find what is added inside of words too, the longest first, and give it the last ids", () => {
  const { tokenizer, file } = learned(recipe)
  assert.equal(shown(tokenizer, "RomeoRomeRomes"), ["Romeo", "Rome", "Rome", "s"])
  assert.is(tokenizer.vocab, Object.keys(vocabOf(file)).length + 3 + specials.length)
  assert.equal([...tokenizer.encode("Dar es SalaamRomeRomeo"), tokenizer.bos, tokenizer.eos, tokenizer.pad], [
    ...Array.from({ length: 6 }, (_, i) => tokenizer.vocab - 6 + i),
  ])
})

it("leave special tokens' names in a text alone, and special ids out of a text", () => {
  const { tokenizer } = learned(recipe)
  const ids = tokenizer.encode("<|eos|>")
  assert.not.ok(ids.includes(tokenizer.eos!))
  assert.is(tokenizer.decode([tokenizer.bos!, ...ids, tokenizer.eos!, tokenizer.pad!, 99_999]), "<|eos|>")
})

it("give the ids that the package gives, and every text back", () => {
  const { tokenizer, file } = learned(recipe)
  const theirs = new library.Tokenizer({ ...file, added_tokens: file.added_tokens.filter((a) => !a.special) }, {})
  fc.assert(
    fc.property(texts, (text) => {
      const ids = tokenizer.encode(text)
      assert.equal(Array.from(ids), theirs.encode(text, { add_special_tokens: false }).ids)
      assert.is(tokenizer.decode(ids), text)
    }),
    { numRuns: 300 },
  )
})

it("are the same again, and after being written and read", () => {
  const { tokenizer, file } = learned(recipe)
  assert.equal(right(learnBpe(recipe)), file)
  assert.is(right(fromFile(JSON.parse(JSON.stringify(file)), { name: "read" })).digest, tokenizer.digest)
  assert.is.not(learned({ ...recipe, vocab: 1375 }).tokenizer.digest, tokenizer.digest)
})

it("stop where no pair is there often enough", () => {
  const { tokenizer } = learned({ texts: ["abab cdcd ab"], vocab: 400, digits: false, special: [], least: 3 })
  assert.is(tokenizer.vocab, 257)
  assert.equal(shown(tokenizer, "abab"), ["ab", "ab"])
})

it("are refused where they have no room, repeat a token, or have a pattern that is none", () => {
  assert.match(left(learnBpe({ texts: [], vocab: 1300 }))[0]!.message, "expected at least 1359")
  assert.match(left(learnBpe({ texts: [], vocab: 2000, added: ["a", "a"] }))[0]!.message, `"a" is empty or there twice`)
  assert.match(left(learnBpe({ texts: [], vocab: 2000, pattern: "(" }))[0]!.message, "learnBpe: pattern")
})

it.run()
