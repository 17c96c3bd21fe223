/** The golden numbers of attention: B 1, S 8, H 2, D 4, computed apart in float64, and the chunks that run. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { vjp } from "../../core/grad/grad.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { attentionWithLogSumExp, blockwiseAttention } from "../../ops/attention.ts"
import { at, given, run, type Values } from "./values.ts"

const it = suite("golden numbers of attention")

const shape = [1, 8, 2, 4]
type X = F32<"batch time heads head">

const wave = (of: (i: number) => number): X =>
  given("batch time heads head", shape, Array.from({ length: 64 }, (_, i) => of(i))).x
const inputs = {
  q: wave((i) => Math.sin(0.7 * i + 0.1)),
  k: wave((i) => Math.cos(0.3 * i)),
  v: wave((i) => Math.sin(0.05 * i + 1)),
}
const cotangent = wave((i) => Math.cos(0.11 * i))
const segments: I32<"time"> = given("time", [8], [0, 0, 0, 1, 1, 1, 1, 2], "i32").x

const row = (v: Values, time: number, heads: number): ReadonlyArray<number> =>
  [0, 1, 2, 3].map((head) => at(v, { batch: 0, time, heads, head }))
const close = (got: ReadonlyArray<number>, want: ReadonlyArray<number>, digits: number): void =>
  got.forEach((x, i) => assert.ok(Math.abs(x - want[i]!) <= 10 ** -digits, `${got.join(" ")}, not ${want.join(" ")}`))
const total = (v: Values, of: (x: number) => number = (x) => x): number =>
  Array.from(v.data, of).reduce((a, b) => a + b)

interface Golden {
  readonly options: { readonly causalBlockSize?: number; readonly causal?: boolean; readonly segments?: I32<"time"> }
  readonly sum: readonly [number, digits: number]
  readonly last?: ReadonlyArray<number>
  readonly third?: ReadonlyArray<number>
  readonly lse?: ReadonlyArray<number>
  readonly sums: ReadonlyArray<number>
  readonly dk: readonly [ReadonlyArray<number>, digits: number]
}

const cases: { readonly [name: string]: Golden } = {
  causal: {
    options: { causal: true },
    sum: [47.59380302160491, 12],
    last: [0.337713615, 0.309685539, 0.280883411, 0.251379221],
    third: [0.946557002, 0.946489492, 0.944056251, 0.939263362],
    lse: [2.220524496, 2.335690159],
    sums: [2.6538912837, 9.3041417453, 25.3577558847],
    dk: [[0.232944337, 0.140276961, -0.018364861, -0.168369402], 9],
  },
  "causal and segments": {
    options: { causal: true, segments },
    sum: [29.0762267092559, 12],
    last: [-0.756802495, -0.788525254, -0.818277111, -0.845983701],
    third: [0.808496404, 0.778073197, 0.745705212, 0.711473353],
    lse: [-0.396475377, -0.825740849],
    sums: [2.1008340657, 3.6614618474, 31.3215048731],
    dk: [[0.003274327, -0.007743322, -0.015119165, -0.015384229], 9],
  },
  "causal between blocks of 2": {
    options: { causalBlockSize: 2 },
    sum: [45.725151476, 9],
    sums: [2.6490149195, 9.9522413637, 23.530282827],
    dk: [[0.24376119, 0.13230439, -0.04137723, -0.19559849], 8],
  },
}

for (const [name, g] of Object.entries(cases)) {
  it(name, () => {
    const finished = attentionWithLogSumExp(inputs.q, inputs.k, inputs.v, g.options)
    const [out, lse] = [run(finished.out), run(finished.logSumExp)]
    close([total(out)], [g.sum[0]], g.sum[1])
    if (g.last !== undefined) close(row(out, 7, 1), g.last, 9)
    if (g.third !== undefined) close(row(out, 3, 0), g.third, 9)
    if (g.lse !== undefined) close([0, 1].map((heads) => at(lse, { batch: 0, time: 7, heads })), g.lse, 9)
    const { pullback } = vjp(({ q, k, v }: typeof inputs) => blockwiseAttention(q, k, v, g.options), inputs)
    const pulled = pullback(cotangent)
    const [dq, dk, dv] = [run(pulled.q), run(pulled.k), run(pulled.v)]
    close([dq, dk, dv].map((d) => total(d, Math.abs)), g.sums, 9)
    close(row(dk, 0, 0), ...g.dk)
  })
}

it.run()
