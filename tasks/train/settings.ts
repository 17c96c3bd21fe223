/**
 * How a training's numbers are written down: codecs of the model and the plan, for keys of stages and for files. That
 * of recipes lies beside them.
 * @module
 */
import * as t from "io-ts"
import { finite, positive } from "../../core/files/codec.ts"
import type { Config } from "../../models/llama/config.ts"
import type { Plan } from "../../models/llama/plan.ts"
import type { Json } from "../stage/stage.ts"

/** A model's numbers. */
export const ConfigCodec: t.Type<Config, unknown> = t.strict({
  vocab: positive,
  model: positive,
  hidden: positive,
  layers: positive,
  groups: positive,
  share: positive,
  head: positive,
  theta: finite,
  epsilon: finite,
  context: positive,
})

const SpreadCodec = t.strict({
  shape: t.record(t.string, positive),
  map: t.record(t.string, t.string),
  layout: t.union([t.literal("contiguous"), t.literal("striped"), t.literal("zigzag")]),
})

/** How a model is computed: blocks, chunks, what is computed again, and the mesh. */
export const PlanCodec: t.Type<Plan, unknown> = t.intersection([
  t.strict({
    remat: t.union([t.literal("none"), t.literal("layer"), t.literal("all")]),
    spread: SpreadCodec,
  }),
  t.partial({
    blocks: t.partial({ query: positive, key: positive }),
    chunk: positive,
    loss: t.strict({ tokens: positive, vocab: positive }),
    home: t.union([t.literal("travel"), t.literal("direct")]),
  }),
]) as t.Type<Plan, unknown>

const isJson = (u: unknown): u is Json =>
  u === null || typeof u === "boolean" || typeof u === "string" || (typeof u === "number" && Number.isFinite(u)) ||
  (Array.isArray(u) && u.every(isJson)) ||
  (typeof u === "object" && !Array.isArray(u) && !ArrayBuffer.isView(u) && Object.values(u).every(isJson))

/** Whatever JSON can say. */
export const JsonCodec: t.Type<Json, unknown> = new t.Type<Json, unknown>(
  "JSON",
  isJson,
  (u, c) => isJson(u) ? t.success(u) : t.failure(u, c),
  t.identity,
)
