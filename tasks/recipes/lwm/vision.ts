/**
 * Stage II of the Large World Model as the paper has it: the text model of 1M tokens learns images, videos, and to answer
 * about both, up to 1M tokens again. Lines with codes are brought; the VQGAN that made them is, too.
 * @module
 */
import { either as E } from "fp-ts"
import { long, type Plan } from "../../../models/llama/plan.ts"
import { presets as vqgans } from "../../../models/vqgan/config.ts"
import { presets } from "../../../models/world/presets.ts"
import { type Balance, paperBalance } from "../../data/vision-example.ts"
import type { AnyStage } from "../../stage/stage.ts"
import type { Setting } from "../adjust.ts"
import { codebookStage } from "../codebook.ts"
import { extend, type Extension } from "../extend.ts"
import type { Model } from "../grow.ts"
import type { Material } from "../material.ts"
import { lwmMesh, ours } from "../mesh.ts"
import { type SeeingStages, seeStage } from "../see.ts"
import { type SeenKind, type SeenMaterial, seenStage } from "../seen.ts"
import { paperBillions } from "./table.ts"
import { layout, linesOf, visionDevices, visionReach, type VisionRow, visionStages } from "./vision-table.ts"

// ---- settings ------------------------------------------------------------------

/** What people bring to see. */
export interface VisionSettings {
  /** Folder of the VQGAN's parameters. */
  readonly vqgan: string | undefined
  /** Folders and files of JSON lines in LWM's vision form. */
  readonly images: ReadonlyArray<string>
  readonly videos: ReadonlyArray<string>
  readonly imageChat: ReadonlyArray<string>
  readonly videoChat: ReadonlyArray<string>
  /** Text among images and videos; in the paper OpenLLaMA's data. */
  readonly texts: ReadonlyArray<string>
  /** How much each of the two losses counts, and each task. */
  readonly balance: Balance
}

/** Nothing is brought yet; what counts is the paper's. */
export const nothingSeen: VisionSettings = {
  ...{ vqgan: undefined, images: [], videos: [], imageChat: [], videoChat: [], texts: [] },
  balance: paperBalance,
}

/** `0.7`: from 0 to 1. */
const shareOf = (text: string): E.Either<string, number> => {
  const n = text.trim() === "" ? NaN : Number(text)
  return n >= 0 && n <= 1 ? E.right(n) : E.left("a number from 0 to 1, such as 0.5")
}

/** Every task that any row has. */
const tasks: ReadonlyArray<string> = [...new Set(visionStages.flatMap(({ kinds }) => Object.keys(kinds)))]

/** `text:2;video-chat:0.5`: weights of tasks. */
const weightsOf = (text: string): E.Either<string, Balance["tasks"]> => {
  const parts = text.split(";").map((part) => {
    const [task = "", weight = ""] = part.split(":").map((side) => side.trim())
    return [task, weight === "" ? NaN : Number(weight)] as const
  })
  const good = parts.every(([task, n]) => tasks.includes(task) && Number.isFinite(n) && n >= 0)
  const once = new Set(parts.map(([task]) => task)).size === parts.length
  const said: Balance["tasks"] = Object.fromEntries(parts)
  const silent = visionStages.find(({ kinds }) => Object.keys(kinds).every((task) => said[task] === 0))
  if (!good || !once) {
    return E.left(`weights from 0 of tasks, each once: TASK:WEIGHT;TASK:WEIGHT; tasks are ${tasks.join(", ")}`)
  }
  return silent === undefined
    ? E.right(said)
    : E.left(`a weight above 0 of one task of each stage; ${silent.name} has ${Object.keys(silent.kinds).join(", ")}`)
}

const lines = <S extends VisionSettings>(flag: keyof VisionSettings, what: string): Setting<S> => ({
  about: `a folder of .jsonl files, or one: ${what}`,
  set: (s, text) => E.right({ ...s, [flag]: [text] }),
})

/** How they are said. */
export const seeable = <S extends VisionSettings>(): { readonly [name: string]: Setting<S> } => ({
  vqgan: { about: "a folder of the VQGAN: .safetensors", set: (s, vqgan) => E.right({ ...s, vqgan }) },
  images: lines("images", "codes of images, and captions"),
  videos: lines("videos", "codes of videos, and captions"),
  imageChat: lines("imageChat", "codes of images, questions, answers"),
  videoChat: lines("videoChat", "codes of videos, questions, answers"),
  texts: {
    about: "text among images and videos: a folder of .txt files, a .jsonl or .parquet file",
    set: (s, text) => E.right({ ...s, texts: [text] }),
  },
  visionShare: {
    about: "how much the loss of vision counts, from 0 to 1, and text the rest; 0.5",
    set: (s, text) =>
      E.map((vision: number) => ({ ...s, balance: { ...s.balance, vision, text: 1 - vision } }))(shareOf(text)),
  },
  taskWeights: {
    about: "how much examples of a task count, TASK:WEIGHT;TASK:WEIGHT; 1 where nothing is said",
    set: (s, text) => E.map((tasks: Balance["tasks"]) => ({ ...s, balance: { ...s.balance, tasks } }))(weightsOf(text)),
  },
})

// ---- what is seen ----------------------------------------------------------------

const textsOf = ({ texts }: VisionSettings): Material => ({
  ...{ flag: "texts", names: texts, joined: false, tokenizer: "llama2", held: { heldOut: 0.01, by: "document" } },
})

const kindOf = (s: VisionSettings, row: VisionRow, task: string, share: number): SeenKind => {
  const kind = linesOf[task]
  if (kind === undefined) return { task, share, from: textsOf(s) }
  const { flag, moving, pairing } = kind
  const chat = row.name.includes("chat")
  return {
    task,
    share,
    from: {
      ...{ flag, names: s[flag], fields: "fields", frames: moving ? row.frames : 1 },
      pairing: chat ? pairing.chat : pairing.first,
    },
  }
}

/** What a row sees. */
export const seenOf = (s: VisionSettings, row: VisionRow): SeenMaterial => ({
  ...{ layout, tokenizer: "llama2", context: row.context },
  kinds: Object.entries(row.kinds).map(([task, share]) => kindOf(s, row, task, share)),
})

// ---- stages --------------------------------------------------------------------

const rowNamed = (name: string): VisionRow => visionStages.find((r) => r.name === name)!

/** The mesh of a row, ours. The table's meshes fit their devices: a test holds them to it. */
const spreadOf = ({ mesh }: VisionRow): Plan["spread"] => {
  const found = lwmMesh(mesh, visionDevices)
  return E.isRight(found) ? ours(found.right) : long.spread
}

/** What `plan` says of a row: the paper's figures, and what becomes of its mesh. */
export const visionNotes = ({ name }: Pick<Extension, "name">): ReadonlyArray<string> => {
  const { steps, tokens, billions, mesh } = rowNamed(name)
  const own = Number(paperBillions({ steps, tokens }).toFixed(2))
  return [
    `${steps} x 8M = ${own}B tokens (M is 2^20)${own === billions ? "" : `, the paper says ${billions}B`}`,
    `LWM's mesh ${mesh} on ${visionDevices} chips: ${tokens / visionDevices} tokens a rank there and here`,
  ]
}

/** What the second half of the pipeline is made of. */
export interface VisionStages {
  readonly vqgan: AnyStage
  readonly seen: ReadonlyArray<AnyStage>
  readonly models: ReadonlyArray<Model>
}

/** The stages of some settings, after the text model of 1M tokens. */
export const visionOf = (s: VisionSettings & { readonly seed: number }, text: Model): VisionStages => {
  const seen = new Map(visionStages.map((row) => {
    const material = seenOf(s, row)
    return [row.name, { material, from: seenStage(`lwm-seen-${row.name.replace("vision-", "")}`, material) }] as const
  }))
  const seeing: SeeingStages = {
    name: "lwm",
    config: presets["7b"],
    seed: s.seed,
    balance: s.balance,
    plan: ({ name }) => ({ ...long, spread: spreadOf(rowNamed(name)) }),
    notes: visionNotes,
  }
  const models = extend(visionStages, visionReach, text, seeStage(seeing, ({ name }) => seen.get(name)!))
  const vqgan = codebookStage({ name: "lwm-vqgan", model: "LWM's VQGAN", config: vqgans.lwm, folder: s.vqgan })
  return { vqgan, seen: [...seen.values()].map(({ from }) => from), models }
}
