/**
 * Many exchanges at once, of random sizes, finished in random order, while the garbage collector has much to do; half of
 * them from and to shared memory of a WebAssembly module.
 * @module
 */
import * as Effect from "effect/Effect"
import type { MeshFault, Pending } from "../../../../core/device/engine.ts"
import type { MpiEngine } from "../../../../core/mesh/mpi/engine.ts"
import { stream } from "../../kernel/tape.ts"

const slots = 4
const most = 30_000

/** What stands at place `i` of what a rank sends in that turn. */
const content = (turn: number, rank: number, i: number): number => turn * 1000 + rank * 100 + i % 97

/** Runs that many exchanges; gives how many were right, and dies at the first that was not. */
export const storm = (engine: MpiEngine, turns: number): Effect.Effect<number, MeshFault> =>
  Effect.gen(function* () {
    const { rank, size } = engine
    const random = stream(5) // the same on all ranks
    const memory = new WebAssembly.Memory({ initial: 16 * slots, maximum: 16 * slots, shared: true })
    const room = (slot: number, half: number, n: number): Float32Array =>
      slot % 2 === 0 ? new Float32Array(n) : new Float32Array(memory.buffer, (2 * slot + half) * 4 * most, n)
    interface Flight {
      readonly turn: number
      readonly from: number
      readonly to: Float32Array
      readonly pending: Pending
    }
    const flights: Array<Flight | undefined> = Array.from({ length: slots }, () => undefined)
    let right = 0
    const land = function* (slot: number) {
      const flight = flights[slot]
      if (flight === undefined) return
      flights[slot] = undefined
      const { turn, from, to, pending } = flight
      yield* pending.finish
      const wrong = to.findIndex((x, i) => x !== content(turn, from, i))
      if (wrong >= 0) throw new Error(`exchange ${turn} of ${to.length}: ${to[wrong]} at ${wrong} of rank ${rank}`)
      right++
    }
    for (let turn = 0; turn < turns; turn++) {
      const slot = Math.floor(random() * slots)
      yield* land(slot)
      const n = 1 + Math.floor(random() ** 3 * (most - 1))
      const shift = 1 + Math.floor(random() * (size - 1))
      const [data, to] = [room(slot, 0, n), room(slot, 1, n)]
      for (let i = 0; i < n; i++) data[i] = content(turn, rank, i)
      const over = Object.keys(engine.shape)
      const c = { kind: "permute", over, ranks: size, shift } as const
      const pending = yield* engine.start(c, { dtype: "f32", data }, { dtype: "f32", data: to })
      flights[slot] = { turn, from: (rank - shift + size) % size, to, pending }
      Array.from({ length: 200 }, (_, i) => new Float64Array(64).fill(i)) // garbage
    }
    for (let slot = 0; slot < slots; slot++) yield* land(slot)
    return right
  })
