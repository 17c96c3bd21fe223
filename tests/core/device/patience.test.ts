/** Polling is slowed down for native callbacks only, and only while a GPU is open. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { patience } from "../../../core/device/webgpu/patience.ts"

const it = suite("patience")

interface Home {
  setImmediate: (callback: () => void) => unknown
}
const home = globalThis as unknown as Home

it("lets JavaScript through at once, native polls a few at a time, and puts everything back", () => {
  const before = home.setImmediate
  const through: Array<() => void> = []
  home.setImmediate = (callback) => through.push(callback)
  const ours = home.setImmediate
  const end = patience()
  const plain = (): void => {}
  for (let i = 0; i < 100; i++) home.setImmediate(plain)
  assert.is(through.length, 100)
  const native = (): void => {}
  const poll = native.bind(undefined)
  for (let i = 0; i < 1000; i++) home.setImmediate(poll)
  const eager = through.length - 100
  assert.ok(eager >= 16 && eager < 1000, `${eager} of 1000 polls went through at once`)
  end()
  assert.is(home.setImmediate, ours)
  home.setImmediate = before
})

it.run()
