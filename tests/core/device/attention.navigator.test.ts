/** Attention over the runtime's own `navigator.gpu`: in Deno, and in a Node that will have one. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { attentionSuites } from "./attention.ts"

if ("gpu" in (globalThis.navigator ?? {})) await attentionSuites("navigator", 8, 2)
else {
  const it = suite("attention on webgpu by navigator")
  it("is Deno's and the browsers': this runtime has no navigator.gpu", () => {
    assert.not("Deno" in globalThis)
  })
  it.run()
}
