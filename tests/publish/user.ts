/**
 * What a user writes, compiled and run by `pack.ts` against the packed library in a project of its own: the types must
 * arrive as well as the code.
 * @module
 */
import { compile, dot, explain, type F32, f32, softmax } from "@orrery/orrery"
import { either as E } from "fp-ts"

const layer = (x: F32<"batch model">, w: F32<"model out">): F32<"batch out"> => softmax(dot(x, w, "model"), "out")

/** Names arrive in the declarations: a wrong one does not compile. */
export const wrong = (x: F32<"batch model">, w: F32<"model out">): unknown =>
  // @ts-expect-error neither has an axis "hidden"
  dot(x, w, "hidden")

const sizes = { batch: 4, model: 8, out: 3 }
const compiled = compile(
  ({ x, w }: { readonly x: F32<"batch model">; readonly w: F32<"model out"> }) => ({ y: layer(x, w) }),
  {
    x: f32("batch model", sizes),
    w: f32("model out", sizes),
  },
)
if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
console.log(explain(compiled.right.program))
console.log("ok")
