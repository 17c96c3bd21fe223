/**
 * Constructors of nodes: each infers dtype, axes and shape, and gathers what is wrong with its arguments into the node.
 * None throws. They know no types: `ops/` gives them typed faces; gradients and passes of the compiler use them bare.
 * @module
 */
export { align, binary, bitcast, broadcast, cast, select, transpose, unary } from "./build/element.ts"
export { attend, type AttendMasks, type AttendOptions, exchange, write } from "./build/attention.ts"
export { pick, type Scan, scan } from "./build/control.ts"
export { argsort, cumulate, dot, nearest, reduce } from "./build/fold.ts"
export { gather, scatter } from "./build/indexing.ts"
export { barrier, constant, custom, data, input, iota, stop } from "./build/leaf.ts"
export {
  concat,
  flip,
  merge,
  pad,
  padAxis,
  rename,
  reshape,
  slice,
  sliceAxis,
  split,
  stack,
  window,
} from "./build/movement.ts"
