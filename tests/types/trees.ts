/**
 * Trees keep the types of their leaves. Nothing here runs; every line below a mark must be refused.
 * @module
 */
import { f32, i32 } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { map, mapSame, type Tensors, zip } from "../../core/tensor/tree.ts"

const specs = { a: f32("n", { n: 2 }), b: [i32("m", { m: 3 })] as const }
declare const t: Tensors<typeof specs>

export const a: F32<"n"> = t.a
// @ts-expect-error it is an i32
export const b: F32<"m"> = t.b[0]
// @ts-expect-error there is no 'c'
void t.c
// @ts-expect-error a size for 'time' is lacking
f32("batch time", { batch: 1 })
// @ts-expect-error 'tiem' is no axis
f32("time", { tiem: 1 })
// @ts-expect-error a leaf stays what it is
mapSame(t, () => 1)
// @ts-expect-error another structure
zip(t, { a: t.a }, (x) => x)
// @ts-expect-error a number is no text
export const c: string = map(t, () => 1).a
