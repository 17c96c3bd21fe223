/**
 * exp, log, tanh, sin and cos in float64 by sums, products and quotients alone, which IEEE 754 says to the last bit. Those of
 * `Math` differ from engine to engine, and what is drawn or fixed at home (first parameters, rotary frequencies, rates)
 * is to be the same bytes everywhere. Errors are about one unit in the last place
 * (fdlibm's polynomials).
 * @module
 */

/** 2^1, 2^2, 2^4, ... 2^512. */
const squares: ReadonlyArray<number> = Array.from({ length: 9 }).reduce<ReadonlyArray<number>>(
  (list) => [...list, list.at(-1)! * list.at(-1)!],
  [2],
)

/** x 2^k, rounded once: the greatest factors come last. */
const scaled = (x: number, k: number): number => {
  let y = x
  let rest = Math.abs(k)
  for (let i = 0; rest > 0; i = Math.min(i + 1, squares.length - 1)) {
    const whole = i === squares.length - 1
    if (whole || rest % 2 === 1) y = k < 0 ? y / squares[i]! : y * squares[i]!
    rest = whole ? rest - 1 : rest >> 1
  }
  return y
}

/** sum of c[i] z^i. */
const polynomial = (z: number, c: ReadonlyArray<number>): number => {
  let sum = 0
  for (let i = c.length - 1; i >= 0; i--) sum = sum * z + c[i]!
  return sum
}

/** log 2 in two parts, the first of which has so few bits that whole multiples up to 2^20 are exact. */
const [ln2High, ln2Low] = [6.93147180369123816490e-01, 1.90821492927058770002e-10]

// ---- exp and log -----------------------------------------------------------------

const expTerms = [
  1.66666666666666019037e-01,
  -2.77777777770155933842e-03,
  6.61375632143793436117e-05,
  -1.65339022054652515390e-06,
  4.13813679705723846039e-08,
]

/** e^x: r = x - k log 2 within half of log 2, e^r by a rational function, then times 2^k. */
export const exp = (x: number): number => {
  if (Number.isNaN(x)) return x
  if (x > 709.782712893384) return Infinity
  if (x < -745.1332191019412) return 0
  const k = Math.round(x / Math.LN2)
  const [high, low] = [x - k * ln2High, k * ln2Low]
  const r = high - low
  const c = r - r * r * polynomial(r * r, expTerms)
  return scaled(1 - (low - (r * c) / (2 - c) - high), k)
}

const logTerms = [
  6.666666666666735130e-01,
  3.999999999940941908e-01,
  2.857142874366239149e-01,
  2.222219843214978396e-01,
  1.818357216161805012e-01,
  1.531383769920937332e-01,
  1.479819860511658591e-01,
]

/** x as m 2^k with m from the root of 1/2 to the root of 2. */
const parted = (x: number): readonly [m: number, k: number] => {
  let m = x
  let k = 0
  for (let i = squares.length - 1; i >= 0; i--) {
    const square = squares[i]!
    const step = 1 << i
    for (; m >= square; k += step) m /= square
    for (; m * square < 2; k -= step) m *= square
  }
  return m >= Math.SQRT2 ? [m / 2, k + 1] : m < Math.SQRT1_2 ? [m * 2, k - 1] : [m, k]
}

/** The natural logarithm: x = (1 + f) 2^k, log(1 + f) by the series of s = f / (2 + f). */
export const log = (x: number): number => {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN
  if (x === Infinity) return x
  const [m, k] = parted(x)
  const f = m - 1
  const s = f / (2 + f)
  const half = 0.5 * f * f
  const rest = s * s * polynomial(s * s, logTerms)
  return k * ln2High - (half - (s * (half + rest) + k * ln2Low) - f)
}

/** x^y of a positive x, within 2^-50 of itself while y log x is small. */
export const power = (x: number, y: number): number => exp(y * log(x))

/** e^x - 1 without cancellation (Kahan). */
const beyondOne = (x: number): number => {
  const u = exp(x)
  return u === 1 ? x : (u - 1) * (x / log(u))
}

/** The hyperbolic tangent. */
export const tanh = (x: number): number => {
  if (!(Math.abs(x) < 22)) return Number.isNaN(x) ? x : Math.sign(x)
  const e = beyondOne(2 * Math.abs(x))
  return x === 0 ? x : Math.sign(x) * (e / (e + 2))
}

// ---- sin and cos -------------------------------------------------------------------

const sinFirst = -1.66666666666666324348e-01
const sinTerms = [
  8.33333333332248946124e-03,
  -1.98412698298579493134e-04,
  2.75573137070700676789e-06,
  -2.50507602534068634195e-08,
  1.58969099521155010221e-10,
]

const cosTerms = [
  4.16666666666666019037e-02,
  -1.38888888888741095749e-03,
  2.48015872894767294178e-05,
  -2.75573143513906633035e-07,
  2.08757232129817482790e-09,
  -1.13596475577881948265e-11,
]

/** sin(x + y) for x within a quarter of pi, y its rounding error. */
const sinNear = (x: number, y: number): number => {
  const z = x * x
  const v = z * x
  return x - (z * (0.5 * y - v * polynomial(z, sinTerms)) - y - v * sinFirst)
}

/** cos(x + y) for x within a quarter of pi, y its rounding error. */
const cosNear = (x: number, y: number): number => {
  const z = x * x
  const half = 0.5 * z
  const w = 1 - half
  return w + (1 - w - half + (z * z * polynomial(z, cosTerms) - x * y))
}

/** Half of pi in three parts; whole multiples of the first two up to 2^20 are exact. */
const [turn1, turn2, turn3] = [1.57079632673412561417e+00, 6.07710050630396597660e-11, 2.02226624879595063154e-21]

/** The largest angle that those parts reduce; beyond it the engine's own function is asked. */
const far = 2 ** 20

/** x as n quarter turns, and what is left, with its rounding error. */
const reduced = (x: number): readonly [quarter: number, near: number, error: number] => {
  const n = Math.round(x / (Math.PI / 2))
  const first = x - n * turn1
  const second = n * turn2
  const rest = first - second
  const third = n * turn3 - (first - rest - second)
  const near = rest - third
  return [((n % 4) + 4) % 4, near, rest - near - third]
}

/** The sine of an angle in rad. */
export const sin = (x: number): number => {
  if (!(Math.abs(x) < far) || x === 0) return Math.sin(x)
  const [quarter, near, error] = reduced(x)
  const size = quarter % 2 === 0 ? sinNear(near, error) : cosNear(near, error)
  return quarter < 2 ? size : -size
}

/** The cosine of an angle in rad. */
export const cos = (x: number): number => {
  if (!(Math.abs(x) < far)) return Math.cos(x)
  const [quarter, near, error] = reduced(x)
  const size = quarter % 2 === 0 ? cosNear(near, error) : sinNear(near, error)
  return quarter === 0 || quarter === 3 ? size : -size
}
