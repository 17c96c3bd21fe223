// jax-js's attention, which holds all scores: node jax_attention.mjs FOLDER PART TIME THREADS. Prints one line of JSON.
import { head, heads, load, measure, part, threads, time } from "./attention.mjs"
import { threads as useThreads } from "./worker_shim.mjs"

useThreads(threads)
const { init, defaultDevice, jit, grad, nn, numpy: np, blockUntilReady } = await import("@jax-js/jax")
await init("wasm")
defaultDevice("wasm")

// Its attention takes [batch, time, head, feature].
const turned = (data, n, back) => {
  const out = new Float32Array(data.length)
  for (let h = 0; h < heads; h++) {
    for (let t = 0; t < n; t++) {
      const a = (h * n + t) * head, b = (t * heads + h) * head
      if (back) out.set(data.subarray(b, b + head), a)
      else out.set(data.subarray(a, a + head), b)
    }
  }
  return out
}
const array = (data, n) => np.array(turned(data, n, false), { shape: [1, n, heads, head] })
const attend = (q, k, v) => nn.dotProductAttention(q, k, v, { isCausal: true })
const back = grad((q, k, v, w) => attend(q, k, v).mul(w).sum(), { argnums: [0, 1, 2] })
const step = part === "forward" ? jit((q, k, v, w) => (w.dispose(), [attend(q, k, v)])) : jit(back)

const opened = (n, read) => {
  const inputs = ["q", "k", "v", "w"].map((name) => array(read(name), n))
  let last = []
  const run = async () => {
    last.forEach((x) => x.dispose())
    last = await blockUntilReady(step(...inputs.map((x) => x.ref)))
  }
  return { run, last: () => last }
}

await measure("0.1.25", async () => {
  await opened(64, () => new Float32Array(heads * 64 * head).fill(0.1)).run()
}, () => {
  const { run, last } = opened(time, load)
  return {
    run,
    results: async () => {
      const names = part === "forward" ? ["out"] : ["dq", "dk", "dv"]
      const all = {}
      for (const [i, name] of names.entries()) all[name] = turned(await last()[i].data(), time, true)
      return all
    },
  }
})
