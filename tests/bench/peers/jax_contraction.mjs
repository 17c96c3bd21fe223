// jax-js's matrix product: node jax_contraction.mjs THREADS REPEATS N... Prints one line of JSON.
import { threads as useThreads } from "./worker_shim.mjs"

const [threads, repeats, ...sizes] = process.argv.slice(2).map(Number)
useThreads(threads)
const { init, defaultDevice, jit, numpy: np, blockUntilReady } = await import("@jax-js/jax")
await init("wasm")
defaultDevice("wasm")

const matrix = (n, seed) =>
  np.array(Float32Array.from({ length: n * n }, (_, i) => ((i * 7 + seed) % 13) / 13 - 0.5), { shape: [n, n] })
const product = jit((x, y) => np.matmul(x, y))
const results = []
for (const n of sizes) {
  const x = matrix(n, 1), y = matrix(n, 5), milliseconds = []
  for (let i = 0; i < repeats + 3; i++) {
    const start = performance.now()
    const z = await blockUntilReady(product(x.ref, y.ref))
    if (i >= 3) milliseconds.push(performance.now() - start)
    z.dispose()
  }
  results.push({ n, milliseconds })
}
process.stdout.write(JSON.stringify({ version: "0.1.25", results }) + "\n")
process.exit(0)
