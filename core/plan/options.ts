/**
 * Options of `compile`, looked at before they are believed.
 * @module
 */
import { fault, type Faults } from "../graph/fault.ts"

/** Fewest buffers that every kernel needs: three arguments and a result. */
export const fewestBindings = 4

const kept: { readonly [key: string]: ReadonlyArray<string> } = {
  storage: ["f32", "f16", "bf16"],
  compute: ["f32", "f16", "bf16"],
  accumulate: ["f32"],
}

const policyFaults = (policy: unknown): Faults => {
  if (policy === undefined) return []
  const p = typeof policy === "object" && policy !== null ? policy as { readonly [key: string]: unknown } : undefined
  if (p === undefined) {
    return [fault("ValueFault", "compile", `policy is ${policy}; give a record such as \`exact\` or \`halves\``)]
  }
  return Object.entries(kept).filter(([key, values]) => !values.includes(p[key] as string)).map(([key, values]) =>
    fault("DTypeFault", "compile", `policy.${key} is ${JSON.stringify(p[key])}; expected ${values.join(", ")}`)
  )
}

const bindingFaults = (most: unknown): Faults =>
  most === undefined || (Number.isSafeInteger(most) && (most as number) >= fewestBindings) ? [] : [
    fault("LimitFault", "compile", `maxBindings is ${most}; expected a whole number from ${fewestBindings}`),
  ]

const donateFaults = (donate: unknown): Faults =>
  donate === undefined || (Array.isArray(donate) && donate.every((p) => typeof p === "string")) ? [] : [
    fault("ValueFault", "compile", `donate is ${JSON.stringify(donate)}; expected a list of paths such as ["state"]`),
  ]

/** What is wrong with the options as such; whether the donated paths are there, `compile` sees. */
export const optionFaults = (
  options: { readonly donate?: unknown; readonly policy?: unknown; readonly maxBindings?: unknown },
): Faults => [...donateFaults(options.donate), ...policyFaults(options.policy), ...bindingFaults(options.maxBindings)]
