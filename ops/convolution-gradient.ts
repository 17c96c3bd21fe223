/**
 * Convolution of nodes, and its transposes, each as one product whose operand is read through windows: nothing is
 * written out once for each tap. With x padded, y[o] = sum over t of x[o s + t e] w[t], for each of its axes. Then
 *
 * - the kernel's gradient is the product of the same windows with the cotangent, over all places;
 * - the image's gradient is a convolution of the cotangent, with stride 1. What place r = s i + p takes comes from the
 *   taps t = p + low - s d of the cotangent's places i + d. So of every s places side by side each has a kernel of its
 *   own, of every s-th tap, and all s read the same places: one product, which makes s times as many features and no
 *   multiplication by a zero but where s does not divide the number of taps.
 *
 * All of it is again convolution of this kind, so it may be differentiated as often as one likes.
 * @module
 */
import { align, custom, dot, flip, merge, pad, padAxis, reduce, sliceAxis, split, window } from "../core/graph/build.ts"
import { count, type Node, sizeOf } from "../core/graph/node.ts"

/** One axis of the image, and how the kernel goes along it. */
export interface Way {
  readonly axis: string
  /** The kernel's axis. */
  readonly tap: string
  readonly stride: number
  readonly dilation: number
  /** Zeros before and after. */
  readonly low: number
  readonly high: number
}

const size = (x: Node, axis: string): number => sizeOf(x, axis) ?? 1

/** More places before and after some axes, or fewer where a number is below 0. */
const placed = (x: Node, by: Readonly<Record<string, readonly [low: number, high: number]>>): Node => {
  const cut = Object.entries(by).reduce<Node>((now, [axis, [low, high]]) => {
    const [from, less] = [Math.max(0, -low), Math.max(0, -low) + Math.max(0, -high)]
    return less === 0 ? now : sliceAxis(now, axis, from, size(now, axis) - less, 1, "convolve")
  }, x)
  const [lows, highs] = [0, 1].map((side) => cut.axes.map((a) => Math.max(0, by[a]?.[side] ?? 0)))
  return pad(cut, lows!, cut.axes.map(() => 0), cut.shape.map((n, d) => lows![d]! + n + highs![d]!))
}

/** The image, padded, with an axis of taps behind each of the ways' axes. */
const windowed = (x: Node, kernel: Node, ways: ReadonlyArray<Way>): Node =>
  ways.reduce<Node>(
    (now, { axis, tap, stride, dilation }) => window(now, axis, tap, size(kernel, tap), stride, dilation),
    placed(x, Object.fromEntries(ways.map(({ axis, low, high }) => [axis, [low, high]]))),
  )

/** The gradient of the image of one way, seen as a convolution of the cotangent. */
interface Back {
  readonly ct: Node
  readonly kernel: Node
  readonly way: Way
  /** Places side by side with kernels of their own, and their axis of the kernel. */
  readonly phases: number
  readonly phase: string
}

/** `places` are the image's, without padding. */
const back = (ct: Node, kernel: Node, way: Way, places: number): Back => {
  const { axis, tap, stride, dilation, low } = way
  const [taps, made, phase] = [size(kernel, tap), size(ct, axis), `${axis}/phase`]
  if (stride === 1 || dilation > 1) {
    // every stride-th place of the cotangent is one of its own, the others are 0
    const spread = padAxis(ct, axis, 0, 0, 0, stride - 1)
    const before = (taps - 1) * dilation - low
    const after = places + low - ((made - 1) * stride + 1)
    return {
      ct: spread,
      kernel: flip(kernel, [tap]),
      way: { axis, tap, stride: 1, dilation, low: before, high: after },
      phases: 1,
      phase,
    }
  }
  const most = Math.ceil(low / stride)
  const first = most * stride - low
  const steps = Math.ceil((taps + first) / stride)
  const wide = padAxis(kernel, tap, first, steps * stride - first - taps)
  const before = steps - 1 - most
  const after = Math.ceil(places / stride) - 1 + most - (made - 1)
  return {
    ct,
    kernel: flip(split(wide, tap, [tap, phase], { [tap]: steps }), [tap]),
    way: { axis, tap, stride: 1, dilation: 1, low: before, high: after },
    phases: stride,
    phase,
  }
}

/** What `like` owes to the cotangent. */
const imageBack = (ct: Node, like: Node, kernel: Node, ways: ReadonlyArray<Way>, on: ReadonlyArray<string>): Node => {
  const backs = ways.reduce<ReadonlyArray<Back>>((list, way) => {
    const before = list.at(-1)
    return [...list, back(before?.ct ?? ct, before?.kernel ?? kernel, way, size(like, way.axis))]
  }, [])
  const last = backs.at(-1)
  const summed = kernel.axes.filter((a) => !on.includes(a) && !like.axes.includes(a) && !ways.some((w) => w.tap === a))
  const wide = convolved(last?.ct ?? ct, last?.kernel ?? kernel, backs.map((b) => b.way), summed)
  const order = like.axes.flatMap((a) => {
    const b = backs.find(({ way }) => way.axis === a)
    return b === undefined || b.phases === 1 ? [a] : [a, b.phase]
  })
  const turned = align(wide, order, order.map((a) => size(wide, a)))
  return backs.reduce<Node>(
    (now, { way: { axis }, phases, phase }) =>
      phases === 1 ? now : sliceAxis(merge(now, [axis, phase], axis), axis, 0, size(like, axis)),
    turned,
  )
}

/** Sums that are longer are made in parts, which tasks share; so the order does not depend on who shares them. */
const long = 4096

/** What `like` owes to the cotangent. */
const kernelBack = (ct: Node, like: Node, image: Node, ways: ReadonlyArray<Way>): Node => {
  const wide = windowed(image, like, ways)
  const summed = ct.axes.filter((a) => wide.axes.includes(a) && !like.axes.includes(a))
  const depth = count(summed.map((a) => size(ct, a)))
  const lead = summed.find((a) => size(ct, a) > 1) ?? ""
  const parts = partsOf(size(ct, lead), depth / long)
  const part = `${lead}/part`
  const cut = (x: Node): Node => parts > 1 ? split(x, lead, [part, lead], { [part]: parts }) : x
  const product = dot(cut(wide), cut(ct), summed)
  return align(parts > 1 ? reduce("sum", product, [part]) : product, like.axes, like.shape)
}

/** The greatest divisor that is at most so much, and at most 32. */
const partsOf = (n: number, most: number): number => {
  for (let parts = Math.min(n, 32, Math.floor(most)); parts > 1; parts--) if (n % parts === 0) return parts
  return 1
}

/** The convolution along some ways, summed over their taps and over `on`. */
export const convolved = (x: Node, kernel: Node, ways: ReadonlyArray<Way>, on: ReadonlyArray<string>): Node => {
  const value = dot(windowed(x, kernel, ways), kernel, [...ways.map(({ tap }) => tap), ...on])
  // where each place has a kernel of its own nothing is shared between windows: the rules of its parts will do
  if (value.faults.length > 0 || ways.length === 0 || ways.some(({ axis }) => kernel.axes.includes(axis))) return value
  return custom(value, [x, kernel], (ct, _value, [image, taps]) => [
    imageBack(ct, image!, taps!, ways, on),
    kernelBack(ct, taps!, image!, ways),
  ])
}
