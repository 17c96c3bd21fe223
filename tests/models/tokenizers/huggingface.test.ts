/** Files of other people's tokenizers: which ids they give, what is never added, and what a broken one is told. */
import * as library from "@huggingface/tokenizers"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { TokenizerFile } from "../../../models/tokenizers/file.ts"
import { fromFile, huggingface } from "../../../models/tokenizers/huggingface.ts"
import { left, right, texts } from "./texts.ts"

const it = suite("models/tokenizers/huggingface")

const printable = (b: number): boolean => (b > 32 && b < 127) || (b > 160 && b !== 173)
const alphabet = (() => {
  let more = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : more++))
})()
const dictionary = (tokens: ReadonlyArray<string>) => Object.fromEntries(tokens.map((t, id) => [t, id]))
const special = (id: number, content: string) => ({ id, content, special: true, normalized: false })

/** A small GPT-2: words with the space before them; its post-processor would put `bos` in front. */
const gpt: TokenizerFile = {
  added_tokens: [special(261, "<|endoftext|>"), { id: 262, content: "Rome", normalized: true, special: false }],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<|endoftext|>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "<|endoftext|>": { id: "<|endoftext|>", ids: [261], tokens: ["<|endoftext|>"] } },
  },
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    vocab: dictionary([...alphabet, "Ġa", "he", "Ġt", "Ġthe", "ĠĠ"]),
    merges: ["Ġ a", "h e", "Ġ t", "Ġt he", "Ġ Ġ"],
  },
}

/** SentencePiece's way: unknown characters are bytes, but only some bytes are there. */
const pieces: TokenizerFile = {
  added_tokens: [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
  normalizer: { type: "Sequence", normalizers: [{ type: "Replace", pattern: { String: " " }, content: "▁" }] },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [{ type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }],
  },
  model: {
    type: "BPE",
    ...{ unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
    vocab: dictionary([
      ...["<unk>", "<s>", "</s>", "<0x0A>", "<0xEF>", "<0xBB>", "<0xBF>", "<0xC3>", "<0xA9>"],
      ...["▁", "a", "b", "ab", "▁ab"],
    ]),
    merges: [["a", "b"], ["▁", "ab"]],
  },
}
const open = (file: TokenizerFile, config?: unknown) =>
  right(fromFile(file, { name: "a file", ...(config === undefined ? {} : { config }) }))

it("add nothing to a text, and take special tokens' names in it for text", () => {
  const t = open(gpt)
  assert.equal(Array.from(t.encode(" a")), [256])
  assert.equal(Array.from(t.encode("")), [])
  assert.not.ok(t.encode("<|endoftext|>").includes(261))
  assert.is(t.decode([261, ...t.encode("<|endoftext|>"), 261]), "<|endoftext|>")
  assert.is(t.encode("a Rome").at(-1), 262)
})

it("give the ids of the package, and texts back as they were: no cleaning up of spaces", () => {
  const t = open(gpt, { clean_up_tokenization_spaces: true })
  assert.is(t.decode(t.encode("a . b , n't")), "a . b , n't")
  const theirs = new library.Tokenizer({ ...gpt, added_tokens: gpt.added_tokens.slice(1) }, {})
  fc.assert(
    fc.property(texts, (text) => {
      const ids = t.encode(text)
      assert.equal(Array.from(ids), theirs.encode(text, { add_special_tokens: false }).ids)
      assert.is(t.decode(ids), text)
    }),
    { numRuns: 200 },
  )
})

it("make bytes of what is not in the vocabulary, and one unknown token of a run that has no bytes", () => {
  const t = open(pieces)
  assert.equal(Array.from(t.encode("ab ab\né")), [12, 13, 3, 7, 8])
  assert.equal(Array.from(t.encode("a漢字b")), [10, 0, 11])
  assert.is(t.decode(t.encode("ab ab\né")), "ab ab\né")
  // a byte order mark is a character like others
  assert.equal(Array.from(t.encode("\uFEFFa")), [4, 5, 6, 10])
  assert.is(t.decode([4, 5, 6, 10]), "\uFEFFa")
})

it("are Hugging Face's Rust library's where the package is not: unknown tokens of two words are two", () => {
  const words = { ...pieces, normalizer: null, pre_tokenizer: { type: "WhitespaceSplit" } }
  assert.equal(Array.from(open(words).encode("漢字 漢 a")), [0, 0, 10])
  const theirs = new library.Tokenizer({ ...words, added_tokens: [] }, {})
  assert.equal(theirs.encode("漢字 漢 a", { add_special_tokens: false }).ids, [0, 10])
})

it("tell an added token from the bytes that are spelled as it is", () => {
  const alike = { ...gpt, added_tokens: [{ id: 261, content: "Ġ", normalized: false, special: false }] }
  assert.equal(Array.from(open(alike).encode("  Ġ")), [260, 261])
  assert.equal(Array.from(open(alike).encode(" \n")), [32, 10])
})

it("take a piece that is a token as a whole where the file says so", () => {
  const vocab = { ...gpt.model["vocab"] as object, hex: 263 }
  const whole = open({ ...gpt, model: { ...gpt.model, vocab, ignore_merges: true } })
  assert.equal(Array.from(whole.encode("hex")), [263])
  assert.equal(Array.from(open({ ...gpt, model: { ...gpt.model, vocab } }).encode("hex")), [257, 120])
})

it("leave to the package what is not plain byte-pair encoding", () => {
  const strip = { ...gpt, added_tokens: [{ id: 261, content: "<mask>", lstrip: true, normalized: false }] }
  assert.equal(Array.from(open(strip).encode("a  <mask>a")), [97, 261, 97])
  const unigram: TokenizerFile = {
    ...pieces,
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: false },
    normalizer: null,
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: false },
    model: {
      type: "Unigram",
      unk_id: 0,
      vocab: [["<unk>", 0], ["<s>", 0], ["</s>", 0], ["▁a", -1], ["b", -2], ["▁", -3]],
    },
  }
  const t = open(unigram)
  assert.equal(Array.from(t.encode("a b")), [3, 5, 4])
  assert.is(t.decode(t.encode("a b")), "a b")
})

it("find bos, eos and pad by their usual names, or as the configuration says", () => {
  const of = (t: { readonly bos: unknown; readonly eos: unknown; readonly pad: unknown }) => [t.bos, t.eos, t.pad]
  assert.equal(of(open(gpt)), [261, 261, undefined])
  assert.equal(of(open(pieces)), [1, 2, undefined])
  assert.equal(of(open(pieces, { bos_token: { content: "</s>" }, eos_token: null, pad_token: "<unk>" })), [
    2,
    undefined,
    0,
  ])
  const missing = left(fromFile(pieces, { name: "a file", config: { eos_token: "<|im_end|>" } }))
  assert.is(missing[0]!.reason, "missing")
  assert.match(missing[0]!.message, "eos token <|im_end|>")
})

it("have a digest of what they are, not of how they are written", () => {
  const once = right(huggingface(JSON.stringify(gpt), { name: "one" }))
  assert.is(right(huggingface(JSON.stringify(gpt, null, 2), { name: "two" })).digest, once.digest)
  const other = { ...gpt, model: { ...gpt.model, merges: ["h e"] } }
  assert.is.not(right(huggingface(JSON.stringify(other), { name: "one" })).digest, once.digest)
  const config = JSON.stringify({ pad_token: "<|endoftext|>" })
  assert.is.not(right(huggingface(JSON.stringify(gpt), { name: "one", config })).digest, once.digest)
})

it("that are broken are faults that name the place", () => {
  const changed = (model: object): unknown => ({ ...gpt, model: { ...gpt.model, ...model } })
  const cases: ReadonlyArray<readonly [unknown, string, RegExp]> = [
    ["{", "json", /not JSON/],
    [[], "json", /added_tokens/],
    [{ ...gpt, model: undefined }, "json", /model: expected/],
    [{ ...gpt, added_tokens: [{ id: -1, content: "x" }] }, "json", /added_tokens\.0.*natural number, got -1/],
    [{ ...gpt, added_tokens: [{ id: 261, content: "x", single_word: true }] }, "value", /single_word/],
    [changed({ merges: ["h e", "x y z"] }), "value", /model\.merges\.1: expected two tokens/],
    [changed({ merges: [["h", "q"]] }), "value", /model\.merges\.0: "hq" is no token/],
    [changed({ vocab: { a: 1, b: 1 }, merges: [] }), "value", /same id/],
    [changed({ vocab: { a: "1" }, merges: [] }), "value", /model\.vocab\.a: expected an id, got "1"/],
    [{ ...gpt, normalizer: { type: "Shout" } }, "value", /Unknown Normalizer type: Shout/],
    [{ ...gpt, model: { type: "Oracle" } }, "value", /Oracle/],
  ]
  for (const [value, reason, says] of cases) {
    const text = typeof value === "string" ? value : JSON.stringify(value)
    const fault = left(huggingface(text, { name: "broken.json" }))[0]!
    assert.is(fault._tag, "FileFault")
    assert.is(fault.reason, reason, fault.message)
    assert.match(fault.message, says)
  }
})

it.run()
