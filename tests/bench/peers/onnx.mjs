// ONNX is a protocol buffer: a tag is a field's number and its kind (0 a varint, 2 bytes of some length).
const varint = (n) => n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]
const number = (field, value) => [...varint(field << 3), ...varint(value)]
const bytes = (field, value) => [...varint((field << 3) | 2), ...varint(value.length), ...value]
const text = (field, value) => bytes(field, [...new TextEncoder().encode(value)])

const tensor = ([name, shape]) => {
  const dims = shape.flatMap((size) => bytes(1, number(1, size)))
  return [...text(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, dims)]))]
}
const attribute = ([name, value]) => bytes(5, [...text(1, name), ...number(3, value), ...number(20, 2)])

/** A model of one node, with whole numbers as attributes, of float32 tensors given as [name, shape]. */
export const model = (op, opset, inputs, outputs, attributes = {}) => {
  const node = [
    ...inputs.flatMap(([name]) => text(1, name)),
    ...outputs.flatMap(([name]) => text(2, name)),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(attribute),
  ]
  const graph = [
    ...bytes(1, node),
    ...text(2, "g"),
    ...inputs.flatMap((t) => bytes(11, tensor(t))),
    ...outputs.flatMap((t) => bytes(12, tensor(t))),
  ]
  return Uint8Array.from([...number(1, opset < 20 ? 8 : 11), ...bytes(7, graph), ...bytes(8, number(2, opset))])
}
