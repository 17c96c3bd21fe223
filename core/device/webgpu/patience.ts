/**
 * Dawn's node binding waits for the GPU by calling itself through the global `setImmediate`, as often as the event loop
 * turns: some 200,000 times a second, which takes a whole core from whoever else computes, and in Deno leaves as many
 * native callbacks behind, whose clean-up stops the program for a second each time the garbage is collected. So while a
 * Dawn GPU is open, `setImmediate` lets native callbacks through at once a few times in a row, and then a millisecond
 * apart; callbacks written in JavaScript are left as they are. Measured on a 2-core machine with a software adapter: 40
 * submissions took 8 s before and 1 s after.
 * @module
 */

type Immediate = (callback: (...args: Array<unknown>) => void, ...args: ReadonlyArray<unknown>) => unknown

const home = globalThis as unknown as { setImmediate?: Immediate }

/** Polls let through at once, in each span of milliseconds. */
const EAGER = 16
const SPAN = 4

const isNative = (f: unknown): boolean => /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(f))

/** Slows polling down until the result is called. */
export const patience = (): () => void => {
  const before = home.setImmediate
  if (before === undefined) return () => {}
  const state = { since: 0, polls: 0 }
  const patient: Immediate = (callback, ...args) => {
    if (!isNative(callback)) return before(callback, ...args)
    const now = performance.now()
    if (now - state.since > SPAN) {
      state.since = now
      state.polls = 0
    }
    return state.polls++ < EAGER ? before(callback, ...args) : setTimeout(callback, 1, ...args)
  }
  home.setImmediate = patient
  return () => {
    // somebody who replaced it after us keeps what they have; ours passes everything on
    if (home.setImmediate === patient) home.setImmediate = before
  }
}
