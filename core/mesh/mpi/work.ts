/**
 * One collective of one rank, under way: its deeds (`messages.ts`) are done in order, as far as messages have arrived.
 * @module
 */
import type { Block } from "../../device/engine.ts"
import type { Collective } from "../../graph/collective.ts"
import type { DType, HostArray } from "../../tensor/dtype.ts"
import { fold } from "../fold.ts"
import type { Group } from "../group.ts"
import { type Deed, deeds, type Message, type Part, scratch, sent } from "../messages.ts"
import type { Calls } from "./calls.ts"
import { longest, look, type Parcel, post, type Talk } from "./talk.ts"

/** A collective under way. */
export interface Work {
  readonly collective: Collective
  /** The how manyth of this rank; all ranks count alike. */
  readonly number: number
  /** Bytes that this rank sends. */
  readonly bytes: number
  readonly dtype: DType
  readonly memory: { readonly [P in Part["of"]]: HostArray }
  readonly group: Group
  readonly list: ReadonlyArray<Deed>
  /** Deeds that are done. */
  at: number
  /** Messages that it waits for. */
  talk: Talk | undefined
}

/** Messages of collectives have tags from here on; MPI promises tags up to 32767. */
const firstTag = 2, tags = 30000

/** The bytes of an array: through its buffer, which then stays where it is. */
const bytesOf = ({ buffer, byteOffset, byteLength }: HostArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

const like = (x: HostArray, elements: number): HostArray => {
  type Make = new (buffer: ArrayBuffer) => HostArray
  return new (x.constructor as unknown as Make)(new ArrayBuffer(elements * x.BYTES_PER_ELEMENT))
}

const viewOf = ({ memory }: Work, { of, start, count }: Part): HostArray => memory[of].subarray(start, start + count)

const parcelOf = (work: Work) => ({ place, part }: Message): Parcel => ({
  rank: work.group.ranks[place]!,
  bytes: bytesOf(viewOf(work, part)),
})

/** A collective that one of the group is to do. */
export const workOf = (
  collective: Collective,
  number: number,
  group: Group,
  from: Block,
  to: Block,
): Work => {
  const list = deeds(collective, group.place, from.data.length)
  return {
    collective,
    number,
    bytes: sent(list) * from.data.BYTES_PER_ELEMENT,
    dtype: from.dtype,
    memory: { from: from.data, to: to.data, scratch: like(from.data, scratch(list)) },
    group,
    list,
    at: 0,
    talk: undefined,
  }
}

/** Is it done? */
export const isDone = ({ at, list }: Work): boolean => at === list.length

/** Does what can be done now. Gives MPI's code. */
export const advance = (calls: Calls, work: Work, most: number = longest): number => {
  while (!isDone(work)) {
    const deed = work.list[work.at]!
    if (work.talk !== undefined) {
      const code = look(calls, work.talk)
      if (code !== 0 || work.talk.state !== "arrived") return code
      work.talk = undefined
    } else if (deed.tag === "talk") {
      const [receives, sends] = [deed.receives, deed.sends].map((list) => list.map(parcelOf(work)))
      const { talk, code } = post(calls, firstTag + work.number % tags, receives!, sends!, most)
      work.talk = talk
      if (code !== 0) return code
      continue
    } else if (deed.tag === "copy") viewOf(work, deed.to).set(viewOf(work, deed.from))
    else fold(deed.fn, work.dtype, deed.parts.map((part) => viewOf(work, part)), viewOf(work, deed.to))
    work.at++
  }
  return 0
}

/** For people. */
export const describe = ({ collective: c, number }: Work): string => {
  const over = `over ${c.over.join(" and ")} (${c.ranks} ranks, number ${number})`
  switch (c.kind) {
    case "permute":
      return `permute by ${c.shift} ${over}`
    case "allReduce":
      return `all-reduce (${c.fn}) ${over}`
    case "allGather":
      return `all-gather ${over}`
    case "reduceScatter":
      return `reduce-scatter ${over}`
    case "broadcast":
      return `broadcast from ${c.root} ${over}`
  }
}
