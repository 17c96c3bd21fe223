// jax-js's passes over memory: node jax_stream.mjs THREADS REPEATS. Prints one line of JSON.
import { threads as useThreads } from "./worker_shim.mjs"

const [threads, repeats] = process.argv.slice(2).map(Number)
useThreads(threads)
const { init, defaultDevice, jit, nn, numpy: np, blockUntilReady } = await import("@jax-js/jax")
await init("wasm")
defaultDevice("wasm")

const n = 2 ** 24, rows = 4096, columns = 1024
const x = np.array(new Float32Array(n).fill(1)), y = np.array(new Float32Array(n).fill(1))
const s = np.array(Float32Array.from({ length: rows * columns }, (_, i) => i % 13 / 13), { shape: [rows, columns] })
const triad = jit((x, y) => x.add(y.mul(2))), sum = jit((x) => x.sum()), softmax = jit((s) => nn.softmax(s, -1))
const cases = { "multiply-add": () => triad(x.ref, y.ref), sum: () => sum(x.ref), softmax: () => softmax(s.ref) }
const results = []
for (const [name, run] of Object.entries(cases)) {
  const milliseconds = []
  for (let i = 0; i < repeats + 2; i++) {
    const start = performance.now()
    const out = await blockUntilReady(run())
    if (i >= 2) milliseconds.push(performance.now() - start)
    out.dispose()
  }
  results.push({ name, milliseconds })
}
process.stdout.write(JSON.stringify({ version: "0.1.25", results }) + "\n")
process.exit(0)
