/**
 * The numbers of LWM's world model (Liu et al., 2024, table 13): stages that learn images, then videos, then to answer about
 * both, and what each of them sees.
 *
 * The paper writes a batch of "8M" tokens: here 8 * 2^20, as for text. Its totals are not quite its steps times that: 363B at
 * 1K are 360 thousand M by the steps, 107B at 8K are 112. Steps are what is trained here; the totals stand beside them.
 * @module
 */
import { type Layout, lwmLayout } from "../../../models/world/layout.ts"
import { lwmPairing, type Pairing } from "../../data/vision-pairs.ts"
import { paperMixes, type Shares } from "../../data/vision-mixture.ts"
import type { Reach } from "../extend.ts"
import type { Row } from "./table.ts"

/** A row of the paper's table. */
export interface VisionRow extends Row {
  readonly end: number
  /** Parts of the rows by what they teach. */
  readonly kinds: Shares
  /** The most frames of a video. */
  readonly frames: number
  /** Tokens of all steps as the paper has them, in billions. */
  readonly billions: number
}

const K = 1024
const M = K * K

/** Tokens of a step. */
export const visionBatch: number = 8 * M

/** Devices of the v4-1024 that the stages ran on: two cores are one device. */
export const visionDevices = 512

/** The base is text's last stage; rows begin short again, as one image is 263 tokens. */
export const visionReach: Reach = { context: 256, theta: 5e7 }

/** Codes of a frame, and of the codebook. */
export const layout: Layout = lwmLayout

const row = (
  [name, context, steps, warmup, billions]: readonly [string, number, number, number, number],
  [rate, end]: readonly [number, number],
  mesh: string,
  [frames, kinds]: readonly [number, Shares],
): VisionRow => ({
  ...{ name: `vision-${name}`, context, theta: 5e7, steps, warmup, tokens: visionBatch, rate, end, mesh },
  ...{ frames, kinds, billions },
})

/** Table 13: the first begins from the text model of 1M tokens, each other from the one before it. */
export const visionStages: ReadonlyArray<VisionRow> = [
  row(["1K", K, 45_000, 1000, 363], [6e-4, 6e-5], "1,-1,1,1", [1, paperMixes.images]),
  row(["8K", 8 * K, 14_000, 500, 107], [6e-4, 6e-5], "1,-1,1,1", [30, paperMixes.videos]),
  row(["chat-32K", 32 * K, 1200, 100, 10], [8e-5, 8e-5], "1,-1,4,1", [100, paperMixes.chat]),
  row(["chat-128K", 128 * K, 450, 50, 3.5], [8e-5, 8e-5], "1,-1,8,1", [450, paperMixes.chat]),
  row(["chat-1M", M, 50, 5, 0.4], [8e-5, 8e-5], "1,-1,16,4", [4000, paperMixes.chat]),
]

/** Which setting says where the lines of a kind are, whether they have several frames, and how pairs come where they are learned. */
export interface KindOfLines {
  readonly flag: "images" | "videos" | "imageChat" | "videoChat"
  readonly moving: boolean
  readonly pairing: { readonly first: Pairing | null; readonly chat: Pairing | null }
}

const asked: Pairing = { ...lwmPairing, swap: 0 }

/** By what they teach. Before chat either side of a pair may come first; in chat an image is what was asked for. */
export const linesOf: { readonly [task: string]: KindOfLines } = {
  "text-image": { flag: "images", moving: false, pairing: { first: lwmPairing, chat: asked } },
  "text-video": { flag: "videos", moving: true, pairing: { first: lwmPairing, chat: asked } },
  "image-chat": { flag: "imageChat", moving: false, pairing: { first: null, chat: null } },
  "video-chat": { flag: "videoChat", moving: true, pairing: { first: null, chat: null } },
}
