// onnxruntime-web's Attention of opset 23, which holds all scores: node ort_attention.mjs FOLDER PART TIME THREADS. It has
// no gradients. Prints one line of JSON.
import { head, heads, load, measure, part, threads, time } from "./attention.mjs"
import { model } from "./onnx.mjs"

const ort = await import("onnxruntime-web")
ort.env.wasm.numThreads = threads
ort.env.logLevel = "error"
if (part !== "forward") throw new Error("it has no gradients")

const opened = async (n, read) => {
  const shape = [1, heads, n, head]
  const [inputs, outputs] = [["q", "k", "v"].map((name) => [name, shape]), [["out", shape]]]
  const session = await ort.InferenceSession.create(model("Attention", 23, inputs, outputs, { is_causal: 1 }), {
    executionProviders: ["wasm"],
  })
  const feeds = Object.fromEntries(["q", "k", "v"].map((name) => [name, new ort.Tensor("float32", read(name), shape)]))
  let last
  const run = async () => {
    last = await session.run(feeds)
  }
  return { run, results: () => ({ out: last.out.data }) }
}

await measure("1.30.0", async () => {
  await (await opened(64, () => new Float32Array(heads * 64 * head).fill(0.1))).run()
}, () => opened(time, load))
