/**
 * WGSL text -> compute pipeline: compiled asynchronously, cached by text and layout, faults with the line that is wrong.
 * @module
 */
import { type DeviceFault, deviceFault } from "../backend.ts"
import type { Gpu } from "./open.ts"

/** A pipeline and the layout of its first bind group. */
export interface Compiled {
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
}

/** Makes pipelines, each once. */
export interface Pipelines {
  /** `modes[i]`: is binding i written; `turns`: dynamic uniforms of group 1. */
  readonly compile: (
    code: string,
    modes: ReadonlyArray<boolean>,
    turns: number,
    name: string,
  ) => Promise<Compiled | DeviceFault>
  readonly turnLayout: (turns: number) => GPUBindGroupLayout
  /** Pipelines made so far. */
  readonly count: () => number
}

const COMPUTE = 4

const excerpt = (code: string, line: number): string => {
  const lines = code.split("\n")
  return line > 0 && line <= lines.length ? `line ${line}: ${lines[line - 1]!.trim()}` : `${lines.length} lines`
}

/** The pipelines of a GPU. */
export const gpuPipelines = (gpu: Gpu): Pipelines => {
  const { device } = gpu
  const layouts = new Map<string, GPUBindGroupLayout>()
  const turnLayouts = new Map<number, GPUBindGroupLayout>()
  const made = new Map<string, Promise<Compiled | DeviceFault>>()

  const layoutOf = (modes: ReadonlyArray<boolean>): GPUBindGroupLayout => {
    const key = modes.map((w) => w ? "w" : "r").join("")
    const known = layouts.get(key)
    if (known !== undefined) return known
    const layout = device.createBindGroupLayout({
      entries: modes.map((w, binding) => ({
        binding,
        visibility: COMPUTE,
        buffer: { type: w ? "storage" as const : "read-only-storage" as const },
      })),
    })
    layouts.set(key, layout)
    return layout
  }
  const turnLayout = (turns: number): GPUBindGroupLayout => {
    const known = turnLayouts.get(turns)
    if (known !== undefined) return known
    const layout = device.createBindGroupLayout({
      entries: Array.from({ length: turns }, (_, binding) => ({
        binding,
        visibility: COMPUTE,
        buffer: { type: "uniform" as const, hasDynamicOffset: true },
      })),
    })
    turnLayouts.set(turns, layout)
    return layout
  }

  const build = async (
    code: string,
    modes: ReadonlyArray<boolean>,
    turns: number,
    name: string,
  ): Promise<Compiled | DeviceFault> => {
    device.pushErrorScope("validation")
    const layout = layoutOf(modes)
    const module = device.createShaderModule({ code, label: name })
    const pipelineLayout = device.createPipelineLayout({
      bindGroupLayouts: turns > 0 ? [layout, turnLayout(turns)] : [layout],
    })
    const pipeline = device.createComputePipelineAsync({
      label: name,
      layout: pipelineLayout,
      compute: { module, entryPoint: "main" },
    }).then((p) => p, (error: unknown) => error instanceof Error ? error.message : String(error))
    const scope = device.popErrorScope()
    const [error, got] = [await scope, await pipeline]
    if (error === null && typeof got !== "string") return { pipeline: got, layout }
    const messages = (await module.getCompilationInfo?.().catch(() => undefined))?.messages ?? []
    const first = [...messages].find((m) => m.type === "error")
    const told = first?.message ?? error?.message ?? String(got)
    const line = first?.lineNum ?? Number(/wgsl:(\d+):\d+/.exec(told)?.[1] ?? 0)
    return deviceFault(
      "compile",
      `kernel ${name} does not compile for ${gpu.adapter}: ${told.trim()} (${excerpt(code, line)})`,
    )
  }

  return {
    compile: (code, modes, turns, name) => {
      const key = `${modes.map((w) => w ? "w" : "r").join("")} ${turns}\n${code}`
      const known = made.get(key)
      if (known !== undefined) return known
      const promise = build(code, modes, turns, name)
      made.set(key, promise)
      return promise
    },
    turnLayout,
    count: () => made.size,
  }
}
