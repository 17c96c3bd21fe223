/**
 * Which device: the one that `ORRERY_DEVICE` names (`webgpu`, `wasm` or `oracle`), else the best that works: a GPU, then
 * WebAssembly. A GPU that is really a CPU (`software` among its features) is taken only when asked for: WebAssembly is
 * faster there. The oracle is never taken unasked.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { wasm } from "../wasm/backend.ts"
import { platform } from "../wasm/platform.ts"
import { type Backend, type DeviceFault, deviceFault, type DeviceInfo } from "./backend.ts"
import { Device, make } from "./device.ts"
import { oracle } from "./oracle.ts"
import { webgpu } from "./webgpu.ts"

/** A device that may be taken. */
export interface Candidate {
  readonly kind: DeviceInfo["kind"]
  readonly open: Effect.Effect<Backend, DeviceFault, Scope.Scope>
  /** Taken without being asked for? */
  readonly unasked: boolean
}

/** A device that was taken, and why. */
export interface Chosen {
  readonly backend: Backend
  readonly reason: string
}

/** The devices of the house, the best first. */
export const candidates: ReadonlyArray<Candidate> = [
  { kind: "webgpu", open: webgpu(), unasked: true },
  { kind: "wasm", open: Effect.map(wasm(), (b) => b as Backend), unasked: true },
  { kind: "oracle", open: oracle, unasked: false },
]

const isSoftware = (b: Backend): boolean => b.info.features.includes("software")

/** What came of opening a candidate; `why` says why it is not taken. */
interface Tried {
  readonly backend: Backend | undefined
  readonly why: string | undefined
}

/** Opens a backend in a scope of its own, which ends at once if the backend does not come or is not wanted. */
const tried = (
  { open }: Candidate,
  wanted: (b: Backend) => string | undefined,
): Effect.Effect<Backend, string, Scope.Scope> =>
  Effect.gen(function* () {
    const outer = yield* Effect.scope
    const inner = yield* Scope.fork(outer)
    const got = yield* Effect.match(Effect.provideService(open, Scope.Scope, inner), {
      onFailure: (fault): Tried => ({ backend: undefined, why: fault.message }),
      onSuccess: (backend): Tried => ({ backend, why: wanted(backend) }),
    })
    if (got.backend !== undefined && got.why === undefined) return got.backend
    yield* Scope.close(inner, Exit.void)
    return yield* Effect.fail(got.why ?? "it did not open")
  })

/** Takes the device that is asked for, or the best of the list that works. Faults: it, or none, works. */
export const choose = (
  asked: string | undefined,
  list: ReadonlyArray<Candidate> = candidates,
): Effect.Effect<Chosen, DeviceFault, Scope.Scope> =>
  Effect.gen(function* () {
    const kinds = list.map((c) => c.kind).join(", ")
    if (asked !== undefined && asked !== "") {
      const candidate = list.find((c) => c.kind === asked)
      if (candidate === undefined) {
        const message = `ORRERY_DEVICE is '${asked}', which is no device; set one of ${kinds}, or leave it unset`
        return yield* Effect.fail(deviceFault("unavailable", message))
      }
      const backend = yield* candidate.open
      return { backend, reason: `asked for by ORRERY_DEVICE=${asked}` }
    }
    const refused: Array<string> = []
    for (const c of list.filter((c) => c.unasked)) {
      const unwanted = (b: Backend): string | undefined =>
        isSoftware(b)
          ? `${b.info.description}: software, slower than wasm; ORRERY_DEVICE=${c.kind} takes it`
          : undefined
      const got = yield* Effect.match(tried(c, unwanted), {
        onFailure: (why): Chosen | undefined => {
          refused.push(why.startsWith(c.kind) ? why : `${c.kind}: ${why}`)
          return undefined
        },
        onSuccess: (backend): Chosen | undefined => ({ backend, reason: "" }),
      })
      if (got === undefined) continue
      return { ...got, reason: ["the best that works", ...refused].join("; not ") }
    }
    return yield* Effect.fail(deviceFault("unavailable", `no device works: ${refused.join("; ")}`))
  })

/** What `ORRERY_DEVICE` says, where there is an environment and it may be read. */
export const asked = (): string | undefined => platform().variable("ORRERY_DEVICE")

/** The Device service over the chosen device; its `reason` says why this one. */
export const chosen: Layer.Layer<Device, DeviceFault> = Layer.effect(
  Device,
  Effect.flatMap(Effect.suspend(() => choose(asked())), ({ backend, reason }) => make(backend, reason)),
)
