/**
 * What an evaluation found, as data: a cell for each length and depth, and the same counted over all. It holds no times, so
 * equal runs give equal bytes.
 * @module
 */
import * as t from "io-ts"
import { finite, natural, positive } from "../../core/files/codec.ts"
import { type Grid, Trial } from "./task.ts"

// ---- types -------------------------------------------------------------------

/** How one wanted thing was answered. */
export interface Said {
  readonly key: string
  readonly value: string
  readonly depth: number
  readonly heldOut: boolean
  readonly right: boolean
  readonly strict: boolean
}

/** A prompt that was answered. */
export interface Outcome {
  readonly trial: Trial
  readonly said: ReadonlyArray<Said>
  /** The answer's text, cut. */
  readonly answer: string
}

/** The codec of outcomes; a journal is a list of them. */
export const Outcome: t.Type<Outcome, unknown> = t.strict({
  trial: Trial,
  said: t.readonlyArray(t.strict({
    key: t.string,
    value: t.string,
    depth: finite,
    heldOut: t.boolean,
    right: t.boolean,
    strict: t.boolean,
  })),
  answer: t.string,
})

/** Values asked for, those that were said, and those that were said in their place. */
export interface Tally {
  readonly asked: number
  readonly right: number
  readonly strict: number
}

/** What was asked at one length and depth. */
export interface Cell extends Tally {
  readonly length: number
  /** Of the grid's depths the nearest. */
  readonly depth: number
  /** One answer: a wrong one, if there is any. */
  readonly sample: { readonly key: string; readonly value: string; readonly answer: string; readonly right: boolean }
}

/** Prompts of one length, and those in which everything that was asked was right. */
export interface Whole {
  readonly length: number
  readonly prompts: number
  readonly right: number
}

/** What an evaluation found. */
export interface Result {
  readonly task: string
  /** Whose answers these are: name and digest. */
  readonly language: string
  readonly digest: string
  readonly haystack: {
    readonly name: string
    readonly tokens: number
    /** What was taken out of it because it looked like an answer. */
    readonly removed: number
    /** Lengths above this read it more than once. */
    readonly repeatsAbove: number
  }
  readonly total: Tally
  /** Of these, keys that were in training, and keys that were not. */
  readonly trained: Tally
  readonly heldOut: Tally
  readonly cells: ReadonlyArray<Cell>
  readonly whole: ReadonlyArray<Whole>
}

const tally = { asked: natural, right: natural, strict: natural }
const Tally: t.Type<Tally, unknown> = t.strict(tally)

/** The codec of results. */
export const Result: t.Type<Result, unknown> = t.strict({
  task: t.string,
  language: t.string,
  digest: t.string,
  haystack: t.strict({ name: t.string, tokens: natural, removed: natural, repeatsAbove: natural }),
  total: Tally,
  trained: Tally,
  heldOut: Tally,
  cells: t.readonlyArray(t.strict({
    length: positive,
    depth: finite,
    ...tally,
    sample: t.strict({ key: t.string, value: t.string, answer: t.string, right: t.boolean }),
  })),
  whole: t.readonlyArray(t.strict({ length: positive, prompts: natural, right: natural })),
})

// ---- counting ------------------------------------------------------------------

/** Counts what was said. */
export const counted = (said: ReadonlyArray<Said>): Tally => ({
  asked: said.length,
  right: said.filter((s) => s.right).length,
  strict: said.filter((s) => s.strict).length,
})

/** The depth of the grid that is nearest, the smaller of two. */
export const nearest = (depths: ReadonlyArray<number>, depth: number): number =>
  depths.reduce((best, d) => Math.abs(d - depth) < Math.abs(best - depth) ? d : best)

const cellOf = (
  length: number,
  depth: number,
  found: ReadonlyArray<{ readonly said: Said; readonly answer: string }>,
): ReadonlyArray<Cell> => {
  if (found.length === 0) return []
  const { said, answer } = found.find((f) => !f.said.right) ?? found[0]!
  const sample = { key: said.key, value: said.value, answer, right: said.right }
  return [{ length, depth, ...counted(found.map((f) => f.said)), sample }]
}

/** The counts of a result, of outcomes in any order. */
export const count = (
  grid: Grid,
  outcomes: ReadonlyArray<Outcome>,
): Pick<Result, "total" | "trained" | "heldOut" | "cells" | "whole"> => {
  const at = (length: number) => outcomes.filter((o) => o.trial.length === length)
  const all = outcomes.flatMap((o) => o.said)
  return {
    total: counted(all),
    trained: counted(all.filter((s) => !s.heldOut)),
    heldOut: counted(all.filter((s) => s.heldOut)),
    cells: grid.lengths.flatMap((length) => {
      const found = at(length).flatMap((o) => o.said.map((said) => ({ said, answer: o.answer })))
      const depthOf = found.map(({ said }) => nearest(grid.depths, said.depth))
      return grid.depths.flatMap((depth) => cellOf(length, depth, found.filter((_, i) => depthOf[i] === depth)))
    }),
    whole: grid.lengths.map((length) => ({
      length,
      prompts: at(length).length,
      right: at(length).filter((o) => o.said.every((s) => s.right)).length,
    })),
  }
}

// ---- views ---------------------------------------------------------------------

/** A cell for a picture: `share` is 0 to 1. */
export interface Row {
  readonly length: number
  readonly depth: number
  readonly share: number
}

/** Rows for a picture, of LWM's score or the strict one. */
export const rows = (result: Result, score: "right" | "strict" = "right"): ReadonlyArray<Row> =>
  result.cells.map((cell) => ({ length: cell.length, depth: cell.depth, share: cell[score] / cell.asked }))

/** The share of each length over all depths, in the order of the grid. */
export const byLength = (
  result: Result,
  score: "right" | "strict" = "right",
): ReadonlyArray<{ readonly length: number; readonly share: number; readonly asked: number }> =>
  [...new Set(result.cells.map(({ length }) => length))].map((length) => {
    const own = result.cells.filter((cell) => cell.length === length)
    const asked = own.reduce((n, cell) => n + cell.asked, 0)
    return { length, asked, share: own.reduce((n, cell) => n + cell[score], 0) / asked }
  })

/** The share of a tally; 1 of nothing. */
export const share = (tally: Tally, score: "right" | "strict" = "right"): number =>
  tally.asked === 0 ? 1 : tally[score] / tally.asked
