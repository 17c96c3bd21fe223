/**
 * What attention is to reach on two threads of the machine that it is measured on, and whether it did.
 * @module
 */
import type { Part } from "./attention.ts"

/** What was found of one contestant at one length; memory in MiB. */
export interface Figure {
  readonly part: Part
  readonly time: number
  readonly who: string
  readonly median: number
  readonly best: number
  /** The first call, compiling included where that comes with it. */
  readonly first: number
  /** Most resident memory beyond that before the inputs. */
  readonly resident: number
  /** Relative to the largest value. */
  readonly error: number
  /** What our device had, and was forecast to have, beyond inputs, outputs, gradients and the result. */
  readonly beyond?: number
  readonly forecast?: number
}

const isOurs = ({ who }: Figure): boolean => who.startsWith("Orrery")
const isTorch = ({ who }: Figure): boolean => who.startsWith("PyTorch")

/** Engines that join vectors to 256 bits. */
const isWide = ({ who }: Figure): boolean => /tasks start it|Node 24$/.test(who)

const short = (who: string): string => who.replace("Orrery, ", "")
const said = (reached: boolean): string => reached ? "met" : "MISSED"

const within = (what: string, figures: ReadonlyArray<Figure>, most: number): ReadonlyArray<string> =>
  figures.map((f) => `${what}: ${short(f.who)} ${f.median.toFixed(0)} of ${most} ms: ${said(f.median <= most)}`)

/** Is every one of ours faster than the fastest of these, at each length? */
const ahead = (figures: ReadonlyArray<Figure>, of: string, rival: (f: Figure) => boolean): ReadonlyArray<string> =>
  (["forward", "gradient"] as const).flatMap((part) => {
    const here = figures.filter((f) => f.part === part)
    const behind = here.filter(isOurs).flatMap((own) => {
      const rivals = here.filter((f) => f.time === own.time && rival(f))
      const fastest = rivals.reduce<Figure | undefined>(
        (a, b) => a === undefined || b.median < a.median ? b : a,
        undefined,
      )
      return fastest === undefined ? [] : [{ own, fastest, ratio: fastest.median / own.median }]
    })
    if (behind.length === 0) return []
    const least = behind.reduce((a, b) => b.ratio < a.ratio ? b : a)
    return [
      `${part} ahead of ${of}: at least ${least.ratio.toFixed(2)} times (${
        short(least.own.who)
      }, T = ${least.own.time}, ` +
      `${least.fastest.who}): ${said(least.ratio > 1)}`,
    ]
  })

/** Each target with what was reached; nothing where it was not measured. */
export const targets = (figures: ReadonlyArray<Figure>): ReadonlyArray<string> => {
  const own = figures.filter((f) => isOurs(f) && f.time === 4096)
  const forward = own.filter((f) => f.part === "forward")
  const held = figures.filter((f) => f.beyond !== undefined)
  const most = Math.max(...held.map((f) => f.beyond!))
  const unlike = held.filter((f) => f.beyond !== f.forecast).length
  return [
    ...within("forward T = 4096, joined to 256 bits", forward.filter(isWide), 480),
    ...within("forward T = 4096, plain", forward.filter((f) => !isWide(f)), 600),
    ...within("forward and backward T = 4096", own.filter((f) => f.part === "gradient"), 2200),
    ...ahead(figures, "every JavaScript peer", (f) => !isOurs(f) && !isTorch(f)),
    ...ahead(figures, "PyTorch from 1024 on", (f) => isTorch(f) && f.time >= 1024),
    ...(held.length === 0 ? [] : [
      `memory beyond inputs, outputs and gradients: ${most.toFixed(1)} of 64 MiB at most: ${said(most <= 64)}; ` +
      `the forecast is what was allocated: ${said(unlike === 0)}`,
    ]),
  ]
}
