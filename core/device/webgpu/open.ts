/**
 * Opening a GPU: Dawn (the npm package `webgpu`) in Node and Deno, `navigator.gpu` in browsers and Deno. The adapter's
 * own limits are asked for, and every feature that the kernels can use.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { adapterClass, type Capability, type Tuning, tunings, within } from "../../wgsl/capability.ts"
import { type DeviceFault, deviceFault } from "../backend.ts"
import { patience } from "./patience.ts"

/** How to open a GPU. */
export interface WebgpuOptions {
  /** Dawn, or what the runtime brings. Without it: what the browser brings, else Dawn, else what Deno brings. */
  readonly implementation?: "dawn" | "navigator"
  readonly powerPreference?: "low-power" | "high-performance"
  /** Flags for Dawn, `enable-dawn-features=...`, `backend=...`; besides those that the options here imply. */
  readonly flags?: ReadonlyArray<string>
  /** Instead of the table's row for this class of adapters. */
  readonly tuning?: Tuning
  /**
   * The declared precision policy of large contractions. `f32` (the default) is exact f32 arithmetic. `f16-units` lets
   * them run on matrix units, operands rounded to f16 and sums in f32, where the adapter has them and they pass a check;
   * and attention too, where the program's own policy rounds its operands to f16.
   */
  readonly precision?: "f32" | "f16-units"
  /** With `f16-units`: the unit's arithmetic spelled out in WGSL, slow, to test what stands around it on any adapter. */
  readonly emulate?: boolean
}

/** An open GPU. */
export interface Gpu {
  readonly device: GPUDevice
  /** Held on to: Dawn's device does not outlive its instance and adapter, which are garbage once nobody names them. */
  readonly held: readonly [GPU, GPUAdapter]
  readonly limits: GPUSupportedLimits
  readonly implementation: "dawn" | "navigator"
  readonly adapter: string
  readonly adapterClass: string
  readonly features: ReadonlyArray<string>
  readonly capability: Capability
  readonly tuning: Tuning
  /** Matrix configurations `component->result MxNxK`, where the adapter tells them. */
  readonly configurations: ReadonlyArray<string>
  /** Why it cannot be used any more; undefined while it can. */
  readonly fault: () => DeviceFault | undefined
  /** Forgets a fault that has been told. */
  readonly forget: () => void
  /** Destroys it. */
  readonly close: () => void
}

const reason = (error: unknown): string => error instanceof Error ? error.message : String(error)

const WANTED: ReadonlyArray<string> = ["shader-f16", "subgroups", "subgroup-size-control", "timestamp-query"]
const UNITS = "chromium-experimental-subgroup-matrix"

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
] as const

interface Dawn {
  readonly create: (flags: ReadonlyArray<string>) => GPU
}

/** The name is not written into the `import`, so that bundles for browsers do not try to hold a native addon. */
const loadDawn = async (): Promise<Dawn | string> => {
  const names = ["webgpu", ...("Deno" in globalThis ? ["npm:webgpu@0.6.2"] : [])]
  const told: Array<string> = []
  for (const name of names) {
    try {
      return await import(name) as Dawn
    } catch (error) {
      told.push(reason(error))
    }
  }
  return told[0]!
}

const flagsOf = (o: WebgpuOptions): ReadonlyArray<string> => {
  const units = o.precision === "f16-units" ? ["allow_unsafe_apis"] : []
  return [
    `enable-dawn-features=${["vulkan_enable_f16_on_nvidia", "use_vulkan_memory_model", ...units].join(",")}`,
    ...(o.flags ?? []),
  ]
}

/**
 * Dawn's instances, by their flags, for the life of the process: where the garbage collector takes an instance before
 * the last adapter or device that came from it, Dawn's threads use what is freed, and the process dies.
 */
const instances = new Map<string, GPU>()

const instance = (dawn: Dawn, flags: ReadonlyArray<string>): GPU => {
  const key = flags.join(" ")
  const known = instances.get(key) ?? dawn.create(flags)
  instances.set(key, known)
  return known
}

interface Found {
  readonly gpu: GPU
  readonly adapter: GPUAdapter
  readonly implementation: "dawn" | "navigator"
}

const browserGpu = (): GPU | undefined => (globalThis.navigator as Navigator | undefined)?.gpu

const find = async (o: WebgpuOptions): Promise<Found | string> => {
  const inBrowser = "document" in globalThis || "WorkerGlobalScope" in globalThis && !("Deno" in globalThis)
  const order = o.implementation
    ? [o.implementation]
    : inBrowser
    ? ["navigator" as const]
    : ["dawn" as const, "navigator" as const]
  const told: Array<string> = []
  for (const implementation of order) {
    const dawn = implementation === "dawn" ? await loadDawn() : undefined
    if (typeof dawn === "string") {
      told.push(`the package "webgpu" (Dawn) cannot be loaded: ${dawn}`)
      continue
    }
    const gpu = dawn === undefined ? browserGpu() : instance(dawn, flagsOf(o))
    if (gpu === undefined) {
      told.push("this runtime has no navigator.gpu")
      continue
    }
    const adapter = await gpu.requestAdapter(o.powerPreference ? { powerPreference: o.powerPreference } : {})
    if (adapter !== null) return { gpu, adapter, implementation }
    told.push(`${implementation} finds no adapter`)
  }
  return told.join("; ")
}

type Info = GPUAdapterInfo & {
  readonly subgroupMatrixConfigs?: Iterable<
    {
      readonly componentType: string
      readonly resultComponentType: string
      readonly M: number
      readonly N: number
      readonly K: number
    }
  >
}

const describe = (
  found: Found,
  device: GPUDevice,
  o: WebgpuOptions,
): Omit<Gpu, "fault" | "forget" | "close" | "device"> => {
  const info: Info = found.adapter.info
  const has = (f: string): boolean => device.features.has(f as GPUFeatureName)
  const limits = device.limits
  const kind = adapterClass(info.vendor, info.architecture, info.description || info.device)
  const ids = (found.gpu.wgslLanguageFeatures as ReadonlySet<string> | undefined)?.has("subgroup_id") === true
  const capability: Capability = {
    maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
    maxSizeX: limits.maxComputeWorkgroupSizeX,
    maxGroups: limits.maxComputeWorkgroupsPerDimension,
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
    bindings: limits.maxStorageBuffersPerShaderStage,
    f16: has("shader-f16"),
    subgroups: has("subgroups") && ids,
    subgroupMin: has("subgroups") ? info.subgroupMinSize ?? 0 : 0,
    subgroupMax: has("subgroups") ? info.subgroupMaxSize ?? 0 : 0,
  }
  return {
    held: [found.gpu, found.adapter],
    limits,
    implementation: found.implementation,
    adapter: [info.vendor, info.architecture, info.device, info.description].filter((t) => t !== "").join(" "),
    adapterClass: kind,
    features: [...WANTED, UNITS].filter(has),
    capability,
    tuning: within(o.tuning ?? tunings[kind] ?? tunings.default!, capability),
    configurations: has(UNITS)
      ? [...info.subgroupMatrixConfigs ?? []].map((c) =>
        `${c.componentType}->${c.resultComponentType} ${c.M}x${c.N}x${c.K}`
      )
      : [],
  }
}

const request = async (o: WebgpuOptions): Promise<Gpu | DeviceFault> => {
  const found = await find(o)
  if (typeof found === "string") {
    return deviceFault(
      "unavailable",
      `no WebGPU adapter: ${found}. Without a GPU, install a software Vulkan (.ci/vulkan does on Debian), or use the wasm device.`,
    )
  }
  const { adapter } = found
  const wanted = [...WANTED, ...(o.precision === "f16-units" ? [UNITS] : [])] as ReadonlyArray<GPUFeatureName>
  const device = await adapter.requestDevice({
    requiredFeatures: wanted.filter((f) => adapter.features.has(f)),
    requiredLimits: Object.fromEntries(LIMITS.map((l) => [l, adapter.limits[l]])),
  })
  const impatience = found.implementation === "dawn" ? patience() : () => {}
  const state: { fault: DeviceFault | undefined; lost: boolean } = { fault: undefined, lost: false }
  device.lost.then((e) => {
    if (state.lost) return
    state.lost = true
    state.fault = deviceFault(
      "lost",
      `the GPU was lost (${e.message || e.reason}); open the device again and go on from the last checkpoint`,
    )
  }, () => undefined)
  device.addEventListener("uncapturederror", (event) => {
    const { error } = event as GPUUncapturedErrorEvent
    event.preventDefault()
    state.fault ??= deviceFault(
      /memory/i.test(error.constructor.name) ? "memory" : "compile",
      `WebGPU: ${error.message}`,
    )
  })
  return {
    device,
    ...describe(found, device, o),
    fault: () => state.fault,
    forget: () => {
      if (!state.lost) state.fault = undefined
    },
    close: () => {
      state.lost = true
      impatience()
      state.fault = deviceFault(
        "lost",
        "the GPU is closed: its scope has ended; open it in a scope that lives as long as its use",
      )
      device.destroy()
    },
  }
}

/** Opens a GPU; it is destroyed when the scope closes, so that the process can end. */
export const openGpu = (options: WebgpuOptions = {}): Effect.Effect<Gpu, DeviceFault, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(
      Effect.tryPromise({
        try: () => request(options),
        catch: (error) => deviceFault("unavailable", `the GPU cannot be opened: ${reason(error)}`),
      }),
      (g) => "_tag" in g ? Effect.fail(g) : Effect.succeed(g),
    ),
    (g) => Effect.sync(g.close),
  )
