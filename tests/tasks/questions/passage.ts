/**
 * A text to ask about (Moby-Dick, chapter 26, shortened), and bytes as the tokenizer of tests.
 * @module
 */
import { sha256Text } from "../../../core/graph/sha256.ts"
import { decode, encode } from "../../../models/tokenizers/bytes.ts"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"

/** Bytes, 256 begins and 257 ends. */
export const bytes: Tokenizer = {
  name: "bytes of tests",
  digest: sha256Text("bytes of tests"),
  vocab: 258,
  bos: 256,
  eos: 257,
  pad: undefined,
  encode: (text) => Int32Array.from(encode(text)),
  decode: (ids) => decode(Array.from(ids).filter((id) => id < 256)),
}

/** Prose with names, speech and rare words. */
export const passage: string =
  `The chief mate of the Pequod was Starbuck, a native of Nantucket, and a Quaker by descent. He was a long, earnest man,
and though born on an icy coast, seemed well adapted to endure hot latitudes, his flesh being hard as twice-baked biscuit.
Transported to the Indies, his live blood would not spoil like bottled ale. He must have been born in some time of general
drought and famine, or upon one of those fast days for which his state is famous.

"I will have no man in my boat," said Starbuck, "who is not afraid of a whale." By this, he seemed to mean, not only that
the most reliable and useful courage was that which arises from the fair estimation of the encountered peril, but that an
utterly fearless man is a far more dangerous comrade than a coward.

"Aye, aye," said Stubb, the second mate, "Starbuck, there, is as careful a man as you'll find anywhere in this fishery."
But we shall ere long see what that word "careful" precisely means when used by a man like Stubb, or almost any other whale
hunter. Starbuck was no crusader after perils; in him courage was not a sentiment; but a thing simply useful to him, and
always at hand upon all mortally practical occasions. Stubb was the second mate of the Pequod and came from Cape Cod.
`
