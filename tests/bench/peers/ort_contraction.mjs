// onnxruntime-web's matrix product: node ort_contraction.mjs THREADS REPEATS N... Prints one line of JSON.
import { model } from "./onnx.mjs"

const ort = await import("onnxruntime-web")

const [threads, repeats, ...sizes] = process.argv.slice(2).map(Number)
ort.env.wasm.numThreads = threads
ort.env.logLevel = "error"

const modelOf = (n) => model("MatMul", 17, [["x", [n, n]], ["y", [n, n]]], [["z", [n, n]]])
const matrix = (n, seed) =>
  new ort.Tensor("float32", Float32Array.from({ length: n * n }, (_, i) => ((i * 7 + seed) % 13) / 13 - 0.5), [n, n])

const results = []
for (const n of sizes) {
  const session = await ort.InferenceSession.create(modelOf(n), { executionProviders: ["wasm"] })
  const feeds = { x: matrix(n, 1), y: matrix(n, 5) }, milliseconds = []
  for (let i = 0; i < repeats + 3; i++) {
    const start = performance.now()
    await session.run(feeds)
    if (i >= 3) milliseconds.push(performance.now() - start)
  }
  results.push({ n, milliseconds })
}
process.stdout.write(JSON.stringify({ version: "1.30.0", results }) + "\n")
process.exit(0)
