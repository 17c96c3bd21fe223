/**
 * LWM's meshes as ours. LWM names four axes, `dp,fsdp,tp,sp`; rows are spread over the first two, heads over the third and
 * places of a row over the last. Ours are `data` and `ring`: what divides rows becomes data, what divides the work on a row
 * becomes the ring. So a rank has as many tokens as one of LWM's devices: all of the batch over all of the devices.
 * @module
 */
import { either as E } from "fp-ts"
import { type Plan, spreadOver } from "../../models/llama/plan.ts"

/** Sizes of LWM's axes. */
export interface LwmMesh {
  readonly dp: number
  readonly fsdp: number
  readonly tp: number
  readonly sp: number
}

/** `1,-1,4,1` on so many devices: one size may be -1, and is what is left. A leading `!` (the order of devices) says nothing here. */
export const lwmMesh = (text: string, devices: number): E.Either<string, LwmMesh> => {
  const sizes = text.replace(/^!/, "").split(",").map(Number)
  const known = sizes.filter((n) => n !== -1)
  const product = known.reduce((a, b) => a * b, 1)
  const shaped = sizes.length === 4 && known.length >= 3 && known.every((n) => Number.isSafeInteger(n) && n >= 1)
  if (!shaped) return E.left(`the mesh is '${text}'; expected dp,fsdp,tp,sp, one of them -1 at most: 1,-1,4,1`)
  if (devices % product !== 0 || (known.length === 4 && product !== devices)) {
    return E.left(`the mesh ${text} does not fit onto ${devices} devices: the sizes that are given make ${product}`)
  }
  const [dp, fsdp, tp, sp] = sizes.map((n) => n === -1 ? devices / product : n) as [number, number, number, number]
  return E.right({ dp, fsdp, tp, sp })
}

/** Our mesh with as many tokens a rank. */
export const ours = ({ dp, fsdp, tp, sp }: LwmMesh): Plan["spread"] => spreadOver({ data: dp * fsdp, ring: tp * sp })
