// onnxruntime-web's matrix product: node ort_contraction.mjs THREADS REPEATS N... Prints one line of JSON.
const ort = await import("onnxruntime-web")

const [threads, repeats, ...sizes] = process.argv.slice(2).map(Number)
ort.env.wasm.numThreads = threads
ort.env.logLevel = "error"

// ONNX is a protocol buffer: a tag is a field's number and its kind (0 a varint, 2 bytes of some length).
const varint = (n) => n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]
const number = (field, value) => [field << 3, ...varint(value)]
const bytes = (field, value) => [(field << 3) | 2, ...varint(value.length), ...value]
const text = (field, value) => bytes(field, [...new TextEncoder().encode(value)])
const tensor = (name, n) => {
  const shape = [n, n].flatMap((size) => bytes(1, number(1, size)))
  return [...text(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, shape)]))]
}
const model = (n) => {
  const node = [...text(1, "x"), ...text(1, "y"), ...text(2, "z"), ...text(4, "MatMul")]
  const graph = [
    ...bytes(1, node),
    ...text(2, "g"),
    ...bytes(11, tensor("x", n)),
    ...bytes(11, tensor("y", n)),
    ...bytes(12, tensor("z", n)),
  ]
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, number(2, 17))])
}
const matrix = (n, seed) =>
  new ort.Tensor("float32", Float32Array.from({ length: n * n }, (_, i) => ((i * 7 + seed) % 13) / 13 - 0.5), [n, n])

const results = []
for (const n of sizes) {
  const session = await ort.InferenceSession.create(model(n), { executionProviders: ["wasm"] })
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
