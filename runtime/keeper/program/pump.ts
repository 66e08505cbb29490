/** From the container's output to the spool: one read, one record, one write. */
import type { Label } from '../../program/op.ts'
import { FILE_HEADER, PHASES, RECORD, RECORD_MAGIC, STREAMS } from '../layout.ts'
import { OWN, parameter } from '../parameters.ts'
import { BUFFER_SIZE, LEAST_ROOM, RESUME, RETRY_FIRST, type State } from './state.ts'

const kindOf = (stream: number): bigint => (BigInt(stream) << 32n) | (BigInt(RECORD_MAGIC) << 48n)

/** Reads what is there, as much as fits into a record and into the file. */
const emitRead = (state: State, read: Label): void => {
  const { p } = state
  const room = p.cell('room')
  const fits = p.label()
  const most = BUFFER_SIZE - RECORD.size
  p.place(read)
  p.compute(state.offset, { factor: -1, addend: parameter('limit'), constant: -RECORD.size }, { into: room })
  p.compute(room, { constant: -LEAST_ROOM }, { negative: state.rotate })
  p.compute(room, { constant: -most }, { negative: fits })
  p.set(room, most)
  p.place(fits)
  p.call('read', [state.source, state.payload, room], {
    into: state.length,
    zero: state.streamEnded,
    negative: state.streamEnded,
    tolerate: { EAGAIN: state.loop, EINTR: state.loop, ...(state.terminal ? { EIO: state.terminalAgain } : {}) },
  })
}

const emitRecord = (state: State): void => {
  const { p, record, length } = state
  state.now(record.plus(RECORD.time))
  p.compute(length, { addend: state.kind }, { into: record })
  p.copy(state.recordStart, state.at)
  p.compute(length, { constant: RECORD.size }, { into: state.left })
}

/**
 * Writes the record. A short write is continued where it ended; EFBIG (a limit lower than the spool's was set from outside)
 * takes the record back and puts it into the next file; every other error waits.
 */
const emitWrite = (state: State): void => {
  const { p, left, offset, at, length } = state
  const refused = p.label()
  const tooBig = p.label()
  const written = p.cell('written')
  p.place(state.write)
  p.call('pwrite64', [state.log, at, left, offset], { into: written, zero: refused, negative: refused, tolerate: { EFBIG: tooBig } })
  p.set(state.page('blocked'), 0)
  p.set(state.interval, RETRY_FIRST)
  p.compute(written, { addend: offset }, { into: offset })
  p.compute(written, { addend: at }, { into: at })
  p.compute(written, { factor: -1, addend: left }, { into: left, positive: state.write, zero: state.loop })

  p.place(tooBig)
  const start = p.compute(offset, { addend: left, constant: -RECORD.size })
  p.compute(length, { factor: -1, addend: start }, { into: offset })
  state.tolerant('ftruncate', [state.log, offset])
  p.copy(state.recordStart, at)
  p.compute(length, { constant: RECORD.size }, { into: left })
  // where not even the first record fits, another file would not help
  p.compare(offset, FILE_HEADER.size, { otherwise: state.rotate })
  p.place(refused)
  p.copy(written, state.error)
  p.set(state.resume, RESUME.write)
  p.jump(state.block)
}

/** The end of a stream; other errors of read(2) than those above cannot get better either. */
const emitStreamEnd = (state: State): void => {
  const { p, source, open } = state
  p.place(state.streamEnded)
  state.unwatch(state.all, source)
  state.tolerant('close', [source])
  p.compute(open, { constant: -1 }, { into: open, positive: state.loop })
  p.compute(state.page('phase'), { constant: -PHASES.draining }, { negative: state.loop })
  p.jump(state.publish)
}

export const emitPump = (state: State): void => {
  const { p, kind, source } = state
  p.during = 'output'
  const read = p.label()
  const streams = state.terminal ? (['stdout'] as const) : (['stderr', 'stdout'] as const)
  for (const stream of streams) {
    p.place(state.take[stream])
    p.set(kind, kindOf(STREAMS[stream]))
    if (state.terminal) p.copy(state.master, source)
    else p.set(source, OWN[stream])
    if (stream !== 'stdout') p.jump(read)
  }
  emitRead(state, read)
  emitRecord(state)
  emitWrite(state)
  emitStreamEnd(state)
}
