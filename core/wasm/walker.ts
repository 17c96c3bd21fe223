/**
 * How threads run a program together. The steps of a program lie in memory as records; a thread that finds tasks of the
 * current step takes some by one compare-and-swap, does them, and counts them as done; whoever does the last one moves
 * on to the next step. So nobody waits for a thread that is late or asleep, only for tasks that are being done: one
 * thread alone finishes any program, and a run needs no message.
 *
 * The claim is one 64-bit word: the number of the step (it never repeats) above, the next free task below. What else
 * is read about a step is believed only if the swap of that word succeeds afterwards.
 * @module
 */
import {
  block,
  branch,
  branchIf,
  call,
  type Code,
  drop,
  type Func,
  func,
  leave,
  type Local,
  loop,
  tableType,
  type Value,
  when,
} from "./assembler.ts"
import { callTable, i32, i64 } from "./instructions.ts"

/** Byte addresses of the control words; what different threads write lies on different cache lines. */
export interface Control {
  readonly claim: number
  readonly done: number
  readonly tasks: number
  readonly grain: number
  readonly entry: number
  readonly args: number
  /** Number of the running program, 0 between runs. */
  readonly program: number
  /** Address of the record that comes next. */
  readonly next: number
  /** Counts steps begun and runs ended: what a thread sleeps on within a run. */
  readonly epoch: number
  readonly sleepers: number
  /** Rung for a run, for mail and at the end: what a worker sleeps on between runs. */
  readonly bell: number
  readonly resting: number
  /** Number + 1 of a thread that trapped. */
  readonly fault: number
  readonly quit: number
  readonly scratch: number
  readonly stride: number
  readonly shared: number
  /** A word that stays 0: the turn where there is no `repeat`. */
  readonly zero: number
  /** Messages sent to each worker, a word per thread. */
  readonly mail: number
  /** Threads that may be. */
  readonly threads: number
  /** First byte after the control words. */
  readonly end: number
}

/** The control words. */
export const control: Control = {
  claim: 0,
  done: 128,
  tasks: 256,
  grain: 260,
  entry: 264,
  args: 268,
  program: 384,
  next: 388,
  epoch: 512,
  sleepers: 640,
  bell: 768,
  resting: 896,
  fault: 1024,
  quit: 1028,
  scratch: 1152,
  stride: 1156,
  shared: 1160,
  zero: 1280,
  mail: 1408,
  threads: 256,
  end: 4096,
}

/** A view of the control words. */
export const controlWords = (memory: WebAssembly.Memory): Int32Array =>
  new Int32Array(memory.buffer, 0, control.end / 4)

/** Bytes of one record; its words are what `records` makes. */
export const recordBytes = 32

/** The records of steps, as words. */
export const records: {
  readonly end: () => ReadonlyArray<number>
  /** Does tasks of table entry `entry` with the arguments at address `args`. */
  readonly dispatch: (entry: number, tasks: number, grain: number, args: number) => ReadonlyArray<number>
  /** Sets the turn (first word of the slot) and how often the body is still to be done (second). */
  readonly repeat: (slot: number, turn: number, times: number) => ReadonlyArray<number>
  /** Changes the turn by `delta` and goes back to `body` until all is done. */
  readonly again: (slot: number, delta: number, body: number) => ReadonlyArray<number>
} = {
  end: () => [0],
  dispatch: (entry, tasks, grain, args) => [1, entry, tasks, grain, args],
  repeat: (slot, turn, times) => [2, slot, turn, times],
  again: (slot, delta, body) => [3, slot, delta, body],
}

/** No task is ever that late: nothing can be claimed. */
const closed = 0x7fffffff

const publish: Code = [
  drop(i32.atomicAdd(control.epoch, 1)),
  when(i32.atomicLoad(control.sleepers), drop(i32.atomicNotify(control.epoch, control.threads))),
]

/** Moves to the next step with tasks, or ends the run. */
const advance: Func = func("advance", [], [], ({ local }) => {
  const number = local("i64")
  const at = local("i32")
  const slot = local("i32")
  const word = (n: number): Value<"i32"> => i32.load(at, 4 * n)
  const dispatch: Code = [
    i32.store(control.next, i32.add(at, recordBytes)),
    i32.store(control.entry, word(1)),
    i32.store(control.tasks, word(2)),
    i32.store(control.grain, word(3)),
    i32.store(control.args, word(4)),
    i64.atomicStore(control.claim, number),
    publish,
    leave(),
  ]
  const repeat: Code = [
    slot.set(word(1)),
    i32.store(slot, word(2)),
    i32.store(slot, word(3), 4),
    at.set(i32.add(at, recordBytes)),
  ]
  const again: Code = [
    slot.set(word(1)),
    i32.store(slot, i32.sub(i32.load(slot, 4), 1), 4),
    when(i32.load(slot, 4), [i32.store(slot, i32.add(i32.load(slot), word(2))), at.set(word(3))], [
      at.set(i32.add(at, recordBytes)),
    ]),
  ]
  return [
    number.set(i64.shl(i64.extendU(i32.add(i32.load(control.claim, 4), 1)), i64.const(32))),
    i64.atomicStore(control.claim, i64.or(number, i64.const(closed))),
    i32.atomicStore(control.done, 0),
    at.set(i32.load(control.next)),
    loop((more) => [
      when(i32.eq(word(0), 1), dispatch),
      when(i32.eq(word(0), 2), [repeat, branch(more)]),
      when(i32.eq(word(0), 3), [again, branch(more)]),
    ]),
    i32.atomicStore(control.program, 0),
    publish,
  ]
})

/** `start(program, first record)`: opens a run. Only between runs. */
export const start: Func = func("start", ["i32", "i32"], [], ({ params }) => {
  const [program, first] = params as ReadonlyArray<Local<"i32">>
  return [i32.store(control.next, first!), i32.atomicStore(control.program, program!), call(advance)]
})

/**
 * `work(thread, program, spins, milliseconds)`: does tasks until the run is over (0), or nothing has moved for that
 * long (1). With 0 milliseconds it never sleeps, as the main thread of a browser must not.
 */
export const work: Func = func("work", ["i32", "i32", "i32", "i32"], ["i32"], ({ params, local }) => {
  const [thread, program, spins, patience] = params as ReadonlyArray<Local<"i32">>
  const claim = local("i64")
  const epoch = local("i32")
  const lo = local("i32"), hi = local("i32")
  const tasks = local("i32"), grain = local("i32"), entry = local("i32"), args = local("i32")
  const left = local("i32"), woken = local("i32")
  const doTasks: Code = [
    hi.set(i32.add(lo, grain)),
    when(i32.gtU(hi, tasks), hi.set(tasks)),
    callTable(
      entry,
      tableType,
      args,
      i32.add(i32.load(control.scratch), i32.mul(thread!, i32.load(control.stride))),
      lo,
      hi,
    ),
    lo.set(i32.sub(hi, lo)),
    when(i32.eq(i32.add(i32.atomicAdd(control.done, lo), lo), tasks), call(advance)),
    left.set(spins!),
  ]
  const take = (again: Parameters<typeof branch>[0]): Code => [
    grain.set(i32.load(control.grain)),
    entry.set(i32.load(control.entry)),
    args.set(i32.load(control.args)),
    when(
      i64.eq(i64.atomicCompareExchange(control.claim, claim, i64.add(claim, i64.extendU(grain))), claim),
      doTasks,
    ),
    branch(again),
  ]
  return [
    left.set(spins!),
    block((over) => [
      loop((again) => [
        epoch.set(i32.atomicLoad(control.epoch)),
        claim.set(i64.atomicLoad(control.claim)),
        branchIf(over, i32.ne(i32.atomicLoad(control.program), program!)),
        lo.set(i32.wrap(claim)),
        tasks.set(i32.load(control.tasks)),
        when(i32.ltU(lo, tasks), take(again)),
        when(i32.gtS(left, 0), [left.set(i32.sub(left, 1)), branch(again)]),
        when(i32.eqz(patience!), leave(i32.const(1))),
        drop(i32.atomicAdd(control.sleepers, 1)),
        woken.set(i32.atomicWait(control.epoch, epoch, i64.mul(i64.extendU(patience!), i64.const(1_000_000)))),
        drop(i32.atomicSub(control.sleepers, 1)),
        when(i32.eq(woken, 2), leave(i32.const(1))),
        left.set(spins!),
        branch(again),
      ]),
    ]),
    i32.const(0).code,
  ]
})
