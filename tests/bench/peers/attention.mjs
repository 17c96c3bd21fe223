// What the attention benches of JavaScript share: inputs, repetitions, memory. Arguments of each: FOLDER PART TIME THREADS.
import { readFileSync, writeFileSync } from "node:fs"

const [folder, part, size, count] = process.argv.slice(2)
export { part }
export const time = Number(size), threads = Number(count), heads = 8, head = 64

export const load = (name, of = time) => {
  const bytes = readFileSync(`${folder}/${of}-${name}.f32`)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

/** Bytes of memory that the process has now, or had at most since `forget`. */
const held = (which) => Number(/(\d+)/.exec(readFileSync("/proc/self/status", "utf8").split(`${which}:`)[1])[1]) * 1024
const forget = () => {
  try {
    writeFileSync("/proc/self/clear_refs", "5")
  } catch {
    // then the most of the whole process counts
  }
}

/** Repeats for a second and a half, at most ten times; twice at least, unless the first takes too long. */
const repeated = async (run) => {
  const milliseconds = []
  let spent = 0
  do {
    const start = performance.now()
    await run()
    milliseconds.push(performance.now() - start)
    spent += milliseconds.at(-1)
  } while (milliseconds.length < 10 && (spent < 1500 || (milliseconds.length < 2 && spent < 12000)))
  return milliseconds
}

/**
 * `small` is done once before memory is counted; then `open` takes the inputs and gives what is repeated, and `results`
 * gives the arrays of the last run.
 */
export const measure = async (version, small, open) => {
  await small()
  forget()
  const before = held("VmRSS")
  const { run, results } = await open()
  const all = await repeated(run)
  const peak = held("VmHWM")
  for (const [name, data] of Object.entries(await results())) {
    writeFileSync(`${folder}/${time}-${name}.f32`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  const milliseconds = all.length > 1 ? all.slice(1) : all
  process.stdout.write(JSON.stringify({ version, first: all[0], milliseconds, before, peak }) + "\n")
  process.exit(0)
}
