/** A program in strace's notation, for people: `wherry-oci explain`. */
import type { Program } from './assembler.ts'
import { callText, isCall } from './call.ts'
import { computeNotes, computeText } from './compute.ts'
import { childrenOf, failuresOf, type Flow, flowOf, isJudge, type Section, type Target } from './flow.ts'
import type { Op } from './op.ts'
import { View } from './view.ts'
import type { SyscallName } from '../sys/abi/syscalls.ts'

/** Where a line says what follows, the texts before it are filled up to this column. */
const NOTES = 84

/** After these nothing follows. */
const LAST: ReadonlySet<SyscallName> = new Set(['exit', 'exit_group', 'execve', 'execveat'])
/** What these return is a descriptor: that 0 is none where standard input is open need not be said. */
const DESCRIPTORS: ReadonlySet<SyscallName> = new Set([
  'openat',
  'openat2',
  'open_tree',
  'fsopen',
  'fsmount',
  'socket',
  'accept4',
  'memfd_create',
  'pidfd_open',
])

/** What follows from the result, where that is not simply the next line: `ENOENT → 17`, `EEXIST ok`, `parent → 40`. */
const notesOf = (call: SyscallName, flow: Flow): string => {
  const { behind, positive, zero, negative, tolerated } = flow
  const maker = call === 'clone' || call === 'clone3'
  const notes: string[] = []
  const note = (what: string, to: Target) => {
    if (to === 'fail') notes.push(`${what} fails`)
    else if (to !== behind) notes.push(`${what} → ${to}`)
  }
  if (LAST.has(call)) return ''
  if (positive === zero && zero === negative && tolerated.length === 0) return zero === behind ? 'errors ok' : `→ ${zero}`
  if (maker && positive !== zero) {
    note('parent', positive)
    note('child', zero)
  } else if (positive === zero || (zero === 'fail' && DESCRIPTORS.has(call))) note('success', positive)
  else {
    note('> 0', positive)
    note('0', zero)
  }
  const codes = new Map<Target, string[]>()
  for (const { code, to } of tolerated) codes.set(to, [...(codes.get(to) ?? []), code])
  for (const [to, names] of codes) notes.push(to === behind ? `${names.join(', ')} ok` : `${names.join(', ')} → ${to}`)
  const errors = tolerated.length === 0 ? 'errors' : 'other errors'
  if (negative !== 'fail') notes.push(negative === behind ? `${errors} ok` : `${errors} → ${negative}`)
  return notes.join('; ')
}

/** The lines that are led to from elsewhere than the line before. */
const targetsOf = (flows: ReadonlyMap<number, Flow>): Set<number> => {
  const targets = new Set<number>()
  for (const { behind, positive, zero, negative, tolerated } of flows.values())
    for (const to of [positive, zero, negative, ...tolerated.map((error) => error.to)]) if (to !== 'fail' && to !== behind) targets.add(to)
  return targets
}

/** One line of the listing, without what is before and behind it. */
const opText = (op: Op, flow: Flow, view: View): string => {
  if (!isCall(op)) return computeText(op, flow, view)
  const result = view.resultOf(op)
  return `${result === undefined ? '' : `${result} = `}${callText(op, view)}`
}

const inside =
  (index: number) =>
  ({ first, end }: Section): boolean =>
    first <= index && index < end

/**
 * One line per op: its index, the call with the name of its result, and what follows from the result if that is not simply the
 * next line. A line that is led to from elsewhere has an arrow before its index; the code of a child is set off by a bar.
 * Errors that are not mentioned end the program; what an op is for stands above it.
 */
export const print = (program: Program): string => {
  const { ops } = program
  const view = new View(program, { brief: false })
  const failures = new Map(failuresOf(program).map((section) => [section.of, section] as const))
  const folded = [...failures.values()]
  const shown = ops.map((_, index) => index).filter((index) => !isJudge(program, index) && !folded.some(inside(index)))
  const flows = new Map(shown.map((index) => [index, withoutFailure(flowOf(program, index), failures.get(index))] as const))
  const targets = targetsOf(flows)
  const children = childrenOf(program)
  const width = Math.max(3, String(ops.length).length)
  const lines: string[] = []
  let during: string | undefined
  for (const [index, flow] of flows) {
    const op = ops[index]!
    view.show(index)
    const bars = '│ '.repeat(children.filter(inside(index)).length)
    const margin = ' '.repeat(width + 4)
    if (op.during !== during && !isAside(program, index, during)) {
      during = op.during
      lines.push(`${margin}${bars}`.trimEnd())
      if (during !== undefined) lines.push(`${margin}${bars}# ${during}`)
    }
    const failure = failures.get(index)
    const notes = [
      isCall(op) ? notesOf(op.call, flow) : view.resultOf(op) === undefined ? '' : computeNotes(flow),
      failure === undefined ? '' : failureNote(program, failure, view),
    ].filter((note) => note !== '')
    const line = `${targets.has(index) ? '→' : ' '} ${String(index).padStart(width)}  ${bars}${opText(op, flow, view)}`
    lines.push(notes.length === 0 ? line : `${line.padEnd(NOTES)}   ${notes.join('; ')}`)
  }
  return `${[...heading(program), ...lines].join('\n')}\n`
}

/** A text that only says more of what was going on, and still is behind it, is no heading. */
const isAside = ({ ops }: Program, index: number, during: string | undefined): boolean => {
  const text = ops[index]?.during
  if (during === undefined || text?.startsWith(`${during} `) !== true) return false
  return ops.slice(index).find((op) => op.during?.startsWith(`${during} `) !== true)?.during === during
}

/** What is done before the program fails is written behind the call. */
const withoutFailure = (flow: Flow, failure: Section | undefined): Flow =>
  failure === undefined ? flow : { ...flow, behind: failure.end, negative: 'fail' }

const failureNote = (program: Program, { first, end }: Section, view: View): string => {
  const texts: string[] = []
  for (let index = first; index < end - 1; index += 1)
    if (!isJudge(program, index)) texts.push(opText(program.ops[index]!, flowOf(program, index), view))
  return `if it fails: ${texts.join(', ')}`
}

const heading = ({ ops, arch }: Program): string[] => [
  `# system calls and computations for ${arch}: ${ops.length}. v12 is the result of line 12; "→ 17" goes on at line 17;`,
  '# errors that a line does not mention end the program.',
]
