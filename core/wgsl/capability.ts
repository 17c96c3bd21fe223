/**
 * What the adapter can do and how kernels are cut for it: the limits as the adapter reports them, and the tuning table,
 * which is data: one row per class of adapters, refined on a machine by `tune`.
 * @module
 */

/** What the generator may use, as the device reports it. */
export interface Capability {
  readonly maxInvocations: number
  readonly maxSizeX: number
  readonly maxGroups: number
  readonly workgroupBytes: number
  readonly bindingBytes: number
  readonly bindings: number
  /** `shader-f16` is enabled. */
  readonly f16: boolean
  /** Subgroups are enabled and their ids are known (the language feature `subgroup_id`). */
  readonly subgroups: boolean
  /** Invocations of the smallest and of the largest subgroup; 0 where there are none. */
  readonly subgroupMin: number
  readonly subgroupMax: number
  /**
   * Matrix units that passed their check and whose precision (f16 operands, f32 sums) the program's owner has asked for.
   * The emulated ones are for tests: the same kernel with the unit's arithmetic spelled out.
   */
  readonly units?: "hardware" | "emulated"
  /** The units passed the check of attention too. */
  readonly attends?: boolean
}

/** A register-blocked tile of a contraction: `rows` x `cols` by one workgroup, `depth` at a time, `m` x `n` a lane. */
export interface Tile {
  readonly rows: number
  readonly cols: number
  readonly depth: number
  readonly m: number
  readonly n: number
}

/** How kernels are cut for one class of adapters. */
export interface Tuning {
  /** Lanes of a workgroup of a map. */
  readonly map: number
  /** Lanes of a workgroup that folds rows. */
  readonly row: number
  /** Inner points (vectors of them) that a lane folds by itself before lanes are joined, if there are enough rows. */
  readonly perLane: number
  /** Invocations that fill the device. */
  readonly fill: number
  /** Largest first; the first that leaves at least `groups` workgroups is taken, else the last. */
  readonly tiles: ReadonlyArray<Tile>
  readonly groups: number
  /** f32 sums that a lane of an attention may hold. */
  readonly held: number
  /** May compilers unroll loops? A software adapter takes seconds to compile what they make of it. */
  readonly unroll: boolean
}

const large: Tile = { rows: 128, cols: 128, depth: 8, m: 8, n: 8 }
const medium: Tile = { rows: 64, cols: 64, depth: 16, m: 4, n: 4 }
const small: Tile = { rows: 32, cols: 32, depth: 16, m: 4, n: 4 }
const least: Tile = { rows: 16, cols: 16, depth: 16, m: 2, n: 4 }

/** The tiles that `tune` tries. */
export const candidates: ReadonlyArray<Tile> = [
  large,
  { rows: 128, cols: 128, depth: 16, m: 8, n: 8 },
  { rows: 64, cols: 128, depth: 16, m: 8, n: 4 },
  { rows: 128, cols: 64, depth: 16, m: 8, n: 4 },
  medium,
  { rows: 64, cols: 64, depth: 8, m: 8, n: 4 },
  small,
  least,
]

/** The tuning table: adapter class -> how kernels are cut. `default` serves every class that is not named. */
export const tunings: { readonly [adapterClass: string]: Tuning } = {
  default: {
    map: 256,
    row: 256,
    perLane: 4,
    fill: 32768,
    tiles: [large, medium, small, least],
    groups: 96,
    held: 128,
    unroll: true,
  },
  nvidia: {
    map: 256,
    row: 256,
    perLane: 4,
    fill: 131072,
    tiles: [large, medium, small, least],
    groups: 132,
    held: 160,
    unroll: true,
  },
  apple: {
    map: 256,
    row: 256,
    perLane: 4,
    fill: 32768,
    tiles: [medium, small, least],
    groups: 64,
    held: 96,
    unroll: true,
  },
  intel: {
    map: 128,
    row: 128,
    perLane: 4,
    fill: 16384,
    tiles: [medium, small, least],
    groups: 32,
    held: 64,
    unroll: true,
  },
  software: {
    map: 64,
    row: 64,
    perLane: 16,
    fill: 256,
    tiles: [medium, small, least],
    groups: 4,
    held: 32,
    unroll: false,
  },
}

/** The class of an adapter, from what it says of itself. */
export const adapterClass = (vendor: string, architecture: string, description: string): string => {
  const text = `${vendor} ${architecture} ${description}`.toLowerCase()
  if (/software|llvmpipe|lavapipe|swiftshader/.test(text)) return "software"
  return Object.keys(tunings).find((c) => text.includes(c)) ?? "default"
}

const fits = (t: Tile, c: Capability): boolean =>
  (t.rows / t.m) * (t.cols / t.n) <= Math.min(c.maxInvocations, c.maxSizeX) &&
  4 * t.depth * (t.rows + 4 + t.cols) <= c.workgroupBytes

/** The same tuning within what the device allows. */
export const within = (t: Tuning, c: Capability): Tuning => {
  const cap = (n: number): number => Math.min(n, c.maxInvocations, c.maxSizeX)
  return { ...t, map: cap(t.map), row: cap(t.row), tiles: t.tiles.filter((x) => fits(x, c)) }
}
