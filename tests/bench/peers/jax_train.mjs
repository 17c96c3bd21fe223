// jax-js's training step: node jax_train.mjs FOLDER SIZE THREADS REPEATS. Prints one line of JSON.
import { readFileSync } from "node:fs"
import { threads as useThreads } from "./worker_shim.mjs"

const [folder, size, threads, repeats] = process.argv.slice(2)
useThreads(Number(threads))
const { init, defaultDevice, jit, nn, numpy: np, tree, valueAndGrad, blockUntilReady } = await import("@jax-js/jax")
await init("wasm")
defaultDevice("wasm")

const c = JSON.parse(readFileSync(`${folder}/${size}.json`, "utf8"))
const floats = (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
const flat = floats(readFileSync(`${folder}/${size}.f32`))
const all = readFileSync(`${folder}/${size}.i32`)
const rows = new Int32Array(all.buffer, all.byteOffset, all.byteLength / 4)
const { batch: B, time: T, heads: H, model: M, vocab: V, layers } = c
const D = M / H, half = D / 2

// Its rotary positions turn element i with i + half, which needs no strided access; so the columns of query and key are
// put in that order, which changes no score.
const halves = (data) => {
  const out = new Float32Array(data.length)
  for (let i = 0; i < M; i++) {
    for (let h = 0; h < H; h++) {
      for (let j = 0; j < D; j++) out[i * M + h * D + (j % 2) * half + (j >> 1)] = data[i * M + h * D + j]
    }
  }
  return out
}
let at = 0
const parameters = {}
for (const { name, shape } of c.parameters) {
  const n = shape.reduce((a, b) => a * b, 1)
  const data = flat.slice(at, at += n)
  parameters[name] = np.array(/query|key/.test(name) ? halves(data) : data, { shape })
}
const column = (from) =>
  np.array(Int32Array.from({ length: B * T }, (_, i) => rows[Math.floor(i / T) * (T + 1) + i % T + from]), {
    shape: [B, T],
    dtype: np.int32,
  })
const table = (f) =>
  np.array(
    Float32Array.from({ length: T * half }, (_, i) => f(Math.floor(i / half) * c.theta ** (-2 * (i % half) / D))),
    { shape: [1, T, 1, half] },
  )
const constants = { x: column(0), y: column(1), cos: table(Math.cos), sin: table(Math.sin) }

const rms = (v, w) =>
  v.ref.mul(np.reciprocal(np.sqrt(np.mean(np.square(v), -1, { keepdims: true }).add(c.epsilon)))).mul(w)
const rope = (v, cos, sin) => {
  const [a, b] = np.split(v, 2, -1)
  return np.concatenate([a.ref.mul(cos.ref).sub(b.ref.mul(sin.ref)), b.mul(cos).add(a.mul(sin))], -1)
}
const lossOf = (p, k) => {
  let h = np.take(p.embedding, k.x, 0)
  for (let i = 0; i < layers; i++) {
    const n = rms(h.ref, p[`${i}.attentionNorm`])
    const project = (v, name) => np.matmul(v, p[`${i}.${name}`]).reshape([B, T, H, D])
    const q = rope(project(n.ref, "query"), k.cos.ref, k.sin.ref)
    const key = rope(project(n.ref, "key"), k.cos.ref, k.sin.ref)
    const seen = nn.dotProductAttention(q, key, project(n, "value"), { isCausal: true }).reshape([B, T, M])
    h = h.add(np.matmul(seen, p[`${i}.output`]))
    const f = rms(h.ref, p[`${i}.feedNorm`])
    const g = nn.silu(np.matmul(f.ref, p[`${i}.gate`])).mul(np.matmul(f, p[`${i}.up`]))
    h = h.add(np.matmul(g, p[`${i}.down`]))
  }
  k.cos.dispose()
  k.sin.dispose()
  const logits = np.matmul(rms(h, p.norm), p.head)
  return nn.logSoftmax(logits, -1).mul(nn.oneHot(k.y, V)).sum().mul(-1 / (B * T))
}

const { rate, beta1, beta2, epsilon } = c.adam
const step = jit((state, t, k) => {
  const [loss, g] = valueAndGrad(lossOf)(tree.ref(state.p), k)
  const next = { p: {}, m: {}, v: {} }
  const c1 = np.subtract(1, np.power(beta1, t.ref)), c2 = np.subtract(1, np.power(beta2, t))
  for (const name of Object.keys(state.p)) {
    const m = state.m[name].mul(beta1).add(g[name].ref.mul(1 - beta1))
    const v = state.v[name].mul(beta2).add(np.square(g[name]).mul(1 - beta2))
    const update = m.ref.div(c1.ref).div(np.sqrt(v.ref.div(c2.ref)).add(epsilon)).mul(rate)
    next.p[name] = state.p[name].sub(update)
    next.m[name] = m
    next.v[name] = v
  }
  c1.dispose()
  c2.dispose()
  return [loss, next]
})

const zeros = () => Object.fromEntries(c.parameters.map(({ name, shape }) => [name, np.zeros(shape)]))
let state = { p: parameters, m: zeros(), v: zeros() }
const losses = [], milliseconds = []
for (let i = 0; i < Number(repeats); i++) {
  const start = performance.now()
  const [loss, next] = step(state, np.array([i + 1]).reshape([]), tree.ref(constants))
  state = await blockUntilReady(next)
  losses.push((await loss.data())[0])
  milliseconds.push(performance.now() - start)
}
process.stdout.write(JSON.stringify({ version: "0.1.25", losses, milliseconds }) + "\n")
process.exit(0)
