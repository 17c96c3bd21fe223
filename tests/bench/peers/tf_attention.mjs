// tfjs's attention, which holds all scores, on its wasm backend, which has one thread in Node: node tf_attention.mjs
// FOLDER PART TIME THREADS. Prints one line of JSON.
import { createRequire, registerHooks } from "node:module"
import { head, heads, load, measure, part, time } from "./attention.mjs"

const require = createRequire(import.meta.url)
const tf = require("@tensorflow/tfjs-core")
require("@tensorflow/tfjs-backend-wasm")
// Its rules of gradients are in no bundle for Node, and its other modules name each other without their ending.
registerHooks({
  resolve: (name, from, next) => {
    const bare = name.startsWith(".") && !name.endsWith(".js") && from.parentURL?.includes("/tfjs-core/dist/")
    return next(bare ? `${name}.js` : name, from)
  },
})
await import("@tensorflow/tfjs-core/dist/register_all_gradients.js")
await tf.setBackend("wasm")
await tf.ready()

const array = (data, n) => tf.tensor(data, [heads, n, head])
const maskOf = (n) => {
  const data = new Float32Array(n * n)
  for (let i = 0; i < n; i++) data.fill(-1e9, i * n + i + 1, (i + 1) * n)
  return tf.tensor(data, [1, n, n])
}
const opened = (n, read) => {
  const [q, k, v, w] = ["q", "k", "v", "w"].map((name) => array(read(name), n))
  const mask = maskOf(n)
  const attend = (q, k, v) =>
    tf.matMul(tf.softmax(tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(head)), mask)), v)
  const back = tf.grads(attend)
  let last = []
  const run = async () => {
    tf.dispose(last)
    last = tf.tidy(() => part === "forward" ? [attend(q, k, v)] : back([q, k, v], w))
    await last[0].data()
  }
  return { run, last: () => last }
}

await measure(tf.version_core, async () => {
  await opened(64, () => new Float32Array(heads * 64 * head).fill(0.1)).run()
}, () => {
  const { run, last } = opened(time, load)
  return {
    run,
    results: async () => {
      const names = part === "forward" ? ["out"] : ["dq", "dk", "dv"]
      const all = {}
      for (const [i, name] of names.entries()) all[name] = await last()[i].data()
      return all
    },
  }
})
