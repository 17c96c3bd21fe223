/**
 * Memory of this process, as the system counts it.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs"
import process from "node:process"

const status = (field: string): number | undefined => {
  try {
    const found = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"))
    return found === null ? undefined : Number(found[1]) * 1024
  } catch {
    return undefined
  }
}

/** Bytes that this process has resident now; the most of the whole process where the most cannot be forgotten. */
export const residentNow = (): number => {
  try {
    writeFileSync("/proc/self/clear_refs", "5")
    return status("VmRSS") ?? residentPeak()
  } catch {
    return residentPeak()
  }
}

/** The most it ever had since `residentNow` was asked. */
export const residentPeak = (): number => status("VmHWM") ?? process.resourceUsage().maxRSS * 1024
