/**
 * Attention on the CPU: a flash attention (Dao, 2023) in tiles; see `attend-plan.ts` for how it is cut. A task owns a
 * block of lanes and with it all results of theirs, and rows are folded in one order: results do not depend on the number
 * of threads. Blocks in which nothing is seen are skipped, blocks in which all is seen know no masks. Nothing of a pair
 * that does not see each other goes into a result, but that 0 times the value of a key counts as 0 only if that is finite
 * where some neighbour of the query (of the same panel) sees that key.
 * @module
 */
import type { Attend } from "../kernel/kernel.ts"
import { tableOf, tablePhase } from "./attend-bounds.ts"
import { fewFinish, fewScores, fewSoft } from "./attend-few.ts"
import { attendLoops } from "./attend-loops.ts"
import { finishPass, scorePass, slopePass, softPass } from "./attend-pass.ts"
import { attendPlan } from "./attend-plan.ts"
import { attendScratch } from "./attend-scratch.ts"
import { stagePhase, stagesOf } from "./attend-stage.ts"
import { attendPhase, tasksOf } from "./attend-task.ts"
import type { Inner, LowerLoop } from "./contract-loop.ts"
import type { Placed } from "./contract.ts"
import { constantPool, type KernelCode, type KernelContext } from "./kernel.ts"

/** Parts of the constants, one after another. */
interface Constants {
  /** Adds a part; gives its byte offset. */
  readonly add: (part: Uint8Array) => number
  readonly bytes: () => Uint8Array
}

const constants = (): Constants => {
  const parts: Array<readonly [number, Uint8Array]> = []
  let end = 0
  return {
    add: (part) => {
      const at = end
      parts.push([at, part])
      end += Math.ceil(part.length / 64) * 64
      return at
    },
    bytes: () => {
      const all = new Uint8Array(end)
      for (const [at, part] of parts) all.set(part, at)
      return all
    },
  }
}

/** The code of an attention kernel; `lowerLoop` lowers the loops around it. */
export const attendCode = (k: Attend, context: KernelContext, lowerLoop: LowerLoop): KernelCode => {
  const p = attendPlan(k, context)
  if ([...k.batch, ...k.share, p.laneCount].includes(0)) {
    return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
  }
  const table = tableOf(p)
  const stages = stagesOf(p, table?.bytes ?? 0, tasksOf(p))
  const at = attendScratch(p, stages)
  const all = constants()
  const inners: Array<Inner> = []
  const place = (inner: Inner): Placed => {
    inners.push(inner)
    return { inner, constants: all.add(inner.code.constants), scratch: at.bytes }
  }
  const loops = attendLoops(p, at, place, lowerLoop)
  const pool = constantPool()
  const masked = p.ranged || p.segmented
  const [scores, soft, finish] = p.few ? [fewScores, fewSoft, fewFinish] : [scorePass, softPass, finishPass]
  const passes = {
    scores: k.cap > 0 || k.bias !== undefined ? scores(p, at, pool, false) : undefined,
    masked: masked ? scores(p, at, pool, true) : undefined,
    weights: (k.part === "forward" ? soft : slopePass)(p, at, pool),
    finish: k.part === "forward" ? finish(p, at, pool) : undefined,
  }
  const phase = attendPhase({ p, at, loops, table, stages, passes, constants: all.add(pool.bytes()) })
  return {
    phases: [
      ...(table === undefined ? [] : [tablePhase(p, at, loops, table)]),
      ...(["first", "second"] as const).flatMap((which) => {
        const stage = stages[which]
        return stage === undefined ? [] : [stagePhase(p, loops, stage, which)]
      }),
      phase,
    ],
    scratch: at.bytes + inners.reduce((most, { scratch }) => Math.max(most, scratch), 0),
    shared: (table?.bytes ?? 0) + stages.bytes,
    constants: all.bytes(),
  }
}
