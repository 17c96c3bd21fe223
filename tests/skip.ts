/**
 * Skips that are seen. A suite that needs what a machine may lack (a graphics adapter, a browser, a system library)
 * registers its tests through `needs`: where the thing is there they run; where it is not they count as skipped, with
 * the reason and how to get it printed once; and where `CI` is set they fail, since CI has to have everything.
 *
 *     const gpu = needs(it, adapter !== null, "no WebGPU adapter was found", "install a Vulkan driver, or run bash .ci/vulkan")
 *     gpu("adds", () => ...)
 * @module
 */
import process from "node:process"
import type { Test } from "uvu"

type Body<T> = Parameters<Test<T>>[1]

/** Registers tests that need something: they run, are skipped with a reason, or fail in CI. */
export const needs = <T>(
  it: Test<T>,
  present: boolean,
  reason: string,
  remedy: string,
): (name: string, body: Body<T>) => void => {
  const sentence = `${reason}; to run these tests: ${remedy}`
  const missing = (): never => {
    throw new Error(`must not be skipped in CI: ${sentence}`)
  }
  if (present) return (name, body) => it(name, body)
  if (process.env.CI) return (name) => it(name, missing)
  process.stdout.write(`  SKIP  ${sentence}\n`)
  return (name, body) => it.skip(name, body)
}
