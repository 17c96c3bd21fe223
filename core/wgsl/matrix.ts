/**
 * Matrix units (`chromium_experimental_subgroup_matrix`) as records of texts: the hardware's, and an emulation in plain
 * WGSL that reads and writes the same places in workgroup memory, so that everything but the unit runs and is tested
 * where there is none. Operands are f16, sums f32, fragments 16 x 16 x 16 by subgroups of 32: the configuration that
 * NVIDIA's units have.
 * @module
 */

/** Lanes of a subgroup. */
export const LANES = 32

/** Rows, columns and depth of a fragment. */
export const FRAGMENT = 16

/** Elements of a fragment. */
export const AREA: number = FRAGMENT * FRAGMENT

/** Where a fragment lies in an array of workgroup memory: its first element, and elements from row to row. */
export interface Place {
  readonly array: string
  readonly offset: string
  readonly pitch: number
  /** Rows and columns change places. */
  readonly turned?: boolean
}

/** An operand that is ready for the unit: its name in the text, and where it lies. */
export interface Fragment {
  readonly name: string
  readonly place: Place
}

/** What a matrix unit is to a generator. */
export interface MatrixUnit {
  readonly directives: ReadonlyArray<string>
  readonly attribute: string
  readonly builtins: ReadonlyArray<string>
  /** The type of an accumulator, which starts as zeros. */
  readonly zeros: string
  /** Statements at the head: name the subgroup `sg` and the lane in it `sl`. */
  readonly head: ReadonlyArray<string>
  /** What stands beside the entry point; asked for when everything else is written. */
  readonly globals: () => ReadonlyArray<string>
  /** The value of a left or a right operand, to be given a name. */
  readonly left: (p: Place) => string
  readonly right: (p: Place) => string
  /** A left operand that is kept under a number when what it lies in is overwritten, and the statement that keeps it. */
  readonly keep: (n: number, p: Place) => readonly [statement: string, kept: Fragment]
  /** c = a b + c */
  readonly multiply: (a: Fragment, b: Fragment, c: string) => string
  /** Lays an accumulator down, and takes one up. */
  readonly store: (p: Place, c: string) => string
  readonly load: (p: Place, c: string) => string
}

/** The hardware's. */
export const hardware: MatrixUnit = {
  directives: [
    "enable f16;",
    "enable subgroups;",
    "enable subgroup_size_control;",
    "enable chromium_experimental_subgroup_matrix;",
    "diagnostic(off, chromium.subgroup_matrix_uniformity);",
  ],
  attribute: `@subgroup_size(${LANES})`,
  builtins: ["@builtin(subgroup_id) sg: u32", "@builtin(subgroup_invocation_id) sl: u32"],
  zeros: "subgroup_matrix_result<f32, 16, 16>()",
  head: [],
  globals: () => [],
  left: (p) => loaded("left", p),
  right: (p) => loaded("right", p),
  keep: (n, place) => [`let kept${n} = ${loaded("left", place)};`, { name: `kept${n}`, place }],
  multiply: (a, b, c) => `${c} = subgroupMatrixMultiplyAccumulate(${a.name}, ${b.name}, ${c});`,
  store: (p, c) => `subgroupMatrixStore<row_major>(&${p.array}, ${p.offset}, ${c}, ${p.pitch}u);`,
  load: (p, c) =>
    `${c} = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&${p.array}, ${p.offset}, ${p.pitch}u);`,
}

const loaded = (side: "left" | "right", { array, offset, pitch, turned }: Place): string => {
  const layout = turned ? "col_major" : "row_major"
  return `subgroupMatrixLoad<subgroup_matrix_${side}<f16, 16, 16>, ${layout}>(&${array}, ${offset}, ${pitch}u)`
}

/** Bounds are written so that no compiler knows them: unrolled, a software adapter compiles this for a minute. */
const often = (n: number): string => `${n}u + (lid >> 31u)`

/**
 * The emulation. Lane l of a subgroup holds the elements l, l + 32, ... of an accumulator; operands are read where they
 * lie, and those that are kept (`kept` of them in each of `subgroups`) lie in an array of their own.
 */
export const emulated = (kept: number = 0, subgroups: number = 0): MatrixUnit => {
  const functions = new Map<string, ReadonlyArray<string>>()
  const each = (body: (at: string, e: string) => string): string =>
    `for (var e = 0u; e < ${often(AREA / LANES)}; e = e + 1u) { let at = lid % ${LANES}u + e * ${LANES}u; ${
      body("at", "e")
    } }`
  const element = ({ array, offset, pitch }: Place, at: string): string =>
    `${array}[${offset} + ${at} / 16u * ${pitch}u + ${at} % 16u]`
  return {
    directives: ["enable f16;"],
    attribute: "",
    builtins: [],
    zeros: `array<f32, ${AREA / LANES}>()`,
    head: [`let sg = lid / ${LANES}u;`, `let sl = lid % ${LANES}u;`],
    globals: () => [
      ...(kept > 0 ? [`var<workgroup> keeping: array<f16, ${kept * subgroups * AREA}>;`] : []),
      ...[...functions.values()].flat(),
    ],
    left: (p) => p.offset,
    right: (p) => p.offset,
    keep: (n, p) => {
      const offset = `(sg * ${kept}u + ${n}u) * ${AREA}u`
      const place = { array: "keeping", offset, pitch: FRAGMENT }
      return [each((at) => `${element(place, at)} = ${element(p, at)};`), { name: `(${offset})`, place }]
    },
    multiply: (a, b, c) => {
      const name = `o_multiply_${a.place.array}_${b.place.array}${b.place.turned ? "_turned" : ""}`
      const right = b.place.turned ? "at % 16u * qb + k" : "k * qb + at % 16u"
      functions.set(name, [
        `fn ${name}(lid: u32, a: u32, qa: u32, b: u32, qb: u32, c: ptr<function, array<f32, ${AREA / LANES}>>) {`,
        `  for (var e = 0u; e < ${often(AREA / LANES)}; e = e + 1u) {`,
        `    let at = lid % ${LANES}u + e * ${LANES}u;`,
        "    var sum = (*c)[e];",
        `    for (var k = 0u; k < ${often(FRAGMENT)}; k = k + 1u) {`,
        `      sum = sum + f32(${a.place.array}[a + at / 16u * qa + k]) * f32(${b.place.array}[b + ${right}]);`,
        "    }",
        "    (*c)[e] = sum;",
        "  }",
        "}",
      ])
      return `${name}(lid, ${a.name}, ${a.place.pitch}u, ${b.name}, ${b.place.pitch}u, &${c});`
    },
    store: (p, c) => each((at, e) => `${element(p, at)} = ${c}[${e}];`),
    load: (p, c) => each((at, e) => `${c}[${e}] = ${element(p, at)};`),
  }
}
