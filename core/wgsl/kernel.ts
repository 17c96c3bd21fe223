/**
 * Kernel record -> WGSL: one row for each kind of kernel.
 * @module
 */
import type { Kernel } from "../kernel/kernel.ts"
import { attend } from "./attend.ts"
import { contract } from "./contract.ts"
import { cumulate } from "./cumulate.ts"
import { loop } from "./loop.ts"
import { scatter } from "./scatter.ts"
import { nearest } from "./nearest.ts"
import type { Build, Shader } from "./shader.ts"
import { sort } from "./sort.ts"

const GENERATORS: { readonly [T in Kernel["tag"]]: (k: Extract<Kernel, { tag: T }>, b: Build) => Shader } = {
  loop,
  contract,
  scatter,
  cumulate,
  sort,
  attend,
  nearest,
}

/** Writes a kernel as a WGSL module. */
export const wgsl = (k: Kernel, b: Build): Shader => (GENERATORS[k.tag] as (k: Kernel, b: Build) => Shader)(k, b)
