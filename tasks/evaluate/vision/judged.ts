/**
 * How many of the pictures that a model makes show what was asked for, as data: beside it what the same judge finds in real
 * pictures of held-out scans, in those after the model's own eyes, and what chance would have it.
 * @module
 */
import * as t from "io-ts"
import { finite, natural, positive } from "../../../core/files/codec.ts"
import { type Asked, type Kind, kinds } from "./asked.ts"
import { Film } from "./film.ts"
import { moves, Seen, shows } from "./seen.ts"

// ---- types -------------------------------------------------------------------

/** How codes of a frame are drawn. */
export interface Chosen {
  /** Of classifier-free guidance; 1 is none. */
  readonly guidance: number
  readonly temperature: number
  /** Only the k most likely codes. */
  readonly topK?: number
}

/** How codes are drawn. */
export interface Drawn extends Chosen {
  readonly seed: number
  /** How a video's first frame is drawn, as a still by itself; without it all its frames are drawn alike, in one go. */
  readonly first?: Chosen
}

const chosen = { guidance: finite, temperature: finite }
const most = t.partial({ topK: positive })

/** The codec of how codes are drawn. */
export const Drawn: t.Type<Drawn, unknown> = t.exact(t.intersection([
  t.type({ ...chosen, seed: natural }),
  most,
  t.partial({ first: t.exact(t.intersection([t.type(chosen), most])) }),
]))

/** Of so many clips: those that show the asked digits, those that move the asked way, and those that do both. */
export interface Score {
  readonly of: number
  readonly shown: number
  readonly moved: number
  readonly both: number
}

/** The codec of scores. */
export const Score: t.Type<Score, unknown> = t.strict({ of: natural, shown: natural, moved: natural, both: natural })

/** What was found of one kind. Stills move nowhere: of them `moved` and `both` are 0. */
export interface Part {
  readonly kind: Kind
  readonly model: Score
  /** Real scenes of held-out scans with the same captions. */
  readonly real: Score
  /** The same, encoded and decoded by the model's eyes; null where these are not known. */
  readonly again: Score | null
  /** Shares that somebody would have who draws well, but any digits, moving any way. */
  readonly chance: { readonly shown: number; readonly moved: number; readonly both: number }
  /** By the digit that was asked for; of pairs each of the two. */
  readonly byDigit: ReadonlyArray<{ readonly digit: number; readonly of: number; readonly shown: number }>
}

/** A clip that was made: its frames follow those of the ones before it in the film. */
export interface Made {
  readonly kind: Kind
  readonly caption: string
  readonly frames: number
  readonly seen: Seen
  readonly shown: boolean
  readonly moved: boolean
}

/** What was found. */
export interface Judged {
  /** Whose pictures these are: name and digest. */
  readonly model: string
  readonly digest: string
  readonly drawn: Drawn
  /** How often the judge is right on held-out scans in their boxes. */
  readonly judge: { readonly right: number; readonly of: number }
  readonly parts: ReadonlyArray<Part>
  readonly made: ReadonlyArray<Made>
  readonly film: Film
}

const Shares = t.strict({ shown: finite, moved: finite, both: finite })

const KindCodec: t.Type<Kind, unknown> = t.keyof({ single: null, pair: null, video: null })

/** The codec of what was found. */
export const Judged: t.Type<Judged, unknown> = t.strict({
  model: t.string,
  digest: t.string,
  drawn: Drawn,
  judge: t.strict({ right: natural, of: natural }),
  parts: t.readonlyArray(t.strict({
    kind: KindCodec,
    model: Score,
    real: Score,
    again: t.union([Score, t.null]),
    chance: Shares,
    byDigit: t.readonlyArray(t.strict({ digit: natural, of: natural, shown: natural })),
  })),
  made: t.readonlyArray(t.strict({
    kind: KindCodec,
    caption: t.string,
    frames: natural,
    seen: Seen,
    shown: t.boolean,
    moved: t.boolean,
  })),
  film: Film,
})

// ---- counting ------------------------------------------------------------------

/** Clips, what was asked for and what was seen; `far` is how many pixels a digit should go. */
export const made = (asked: ReadonlyArray<Asked>, seen: ReadonlyArray<Seen>, far: number): ReadonlyArray<Made> =>
  asked.map(({ kind, caption, frames, said }, i) => ({
    ...{ kind, caption, frames, seen: seen[i]! },
    shown: shows(said, seen[i]!),
    moved: moves(said, seen[i]!, far),
  }))

/** The score of clips. */
export const score = (all: ReadonlyArray<Made>): Score => ({
  of: all.length,
  shown: all.filter(({ shown }) => shown).length,
  moved: all.filter(({ moved }) => moved).length,
  both: all.filter(({ shown, moved }) => shown && moved).length,
})

/** Of ten digits one, or two that differ; of four ways one. */
const chances: { readonly [K in Kind]: Part["chance"] } = {
  single: { shown: 1 / 10, moved: 0, both: 0 },
  pair: { shown: 1 / 45, moved: 0, both: 0 },
  video: { shown: 1 / 10, moved: 1 / 4, both: 1 / 40 },
}

/** Three times the same pictures, by kind; kinds that were not asked for are left out. */
export const partsOf = (
  asked: ReadonlyArray<Asked>,
  model: ReadonlyArray<Made>,
  real: ReadonlyArray<Made>,
  again: ReadonlyArray<Made> | null,
): ReadonlyArray<Part> =>
  kinds.flatMap((kind) => {
    const own = (all: ReadonlyArray<Made>) => all.filter((one) => one.kind === kind)
    if (own(model).length === 0) return []
    const digits = [...new Set(asked.filter((one) => one.kind === kind).flatMap(({ said }) => said.digits))]
    return [{
      kind,
      model: score(own(model)),
      real: score(own(real)),
      again: again === null ? null : score(own(again)),
      chance: chances[kind],
      byDigit: digits.toSorted((a, b) => a - b).map((digit) => {
        const with_ = asked.flatMap(({ kind: k, said }, i) =>
          k === kind && said.digits.includes(digit) ? [model[i]!] : []
        )
        return { digit, of: with_.length, shown: with_.filter(({ shown }) => shown).length }
      }),
    }]
  })
