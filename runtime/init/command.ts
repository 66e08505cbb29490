/** What is executed, and where: the lookup of args[0] in PATH, the working directory, and execve itself. */
import type { Cell } from '../program/operand.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { AT_EACCESS, AT_FDCWD, CLOSE_RANGE_CLOEXEC, X_OK } from '../sys/abi/fcntl.ts'
import { S_IFDIR, S_IFMT, STATX, STATX_TYPE } from '../sys/abi/stat.ts'
import type { Emit, ProcessPlan } from './plan.ts'
import { PAGE_WORDS } from './sync.ts'

/** The name in each folder of PATH; an empty part is the working directory, execvp(3). */
const candidates = (name: string, env: readonly string[]): string[] => {
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice(5) ?? ''
  return path === '' ? [] : path.split(':').map((folder) => `${folder === '' ? '.' : folder}/${name}`)
}

/**
 * Finds what will be executed while a failure can still be reported: the cell holds the address of its path. Folders, and files
 * that cannot be executed, are passed over.
 */
export const emitLookup = ({ p, plan }: Emit<ProcessPlan>): Cell | undefined => {
  const [name] = plan.process.args
  if (name === undefined) return undefined
  const chosen = p.cell('executable')
  const found = p.label()
  p.during = name.includes('/') ? `exec: ${JSON.stringify(name)}` : `exec: ${JSON.stringify(name)}: executable file not found in $PATH`
  if (name.includes('/')) {
    p.call('faccessat2', [AT_FDCWD, name, X_OK, AT_EACCESS])
    p.copy(p.words([name]), chosen)
    return chosen
  }
  const statx = p.buffer(STATX.size)
  const item = p.shared(PAGE_WORDS.item, 'path')
  const result = p.cell('result', -ERRNO.ENOENT)
  p.each(candidates(name, plan.env), item, (next) => {
    p.call('statx', [AT_FDCWD, item, 0, STATX_TYPE, statx], { into: result, negative: next })
    p.set(result, -ERRNO.EACCES)
    p.compare(statx.plus(STATX.stx_mode), S_IFDIR, { mask: S_IFMT, equal: next })
    p.call('faccessat2', [AT_FDCWD, item, X_OK, AT_EACCESS], { into: result, negative: next })
    p.copy(item, chosen)
    p.set(item, 0)
    p.jump(found)
  })
  // none: the failure of the last one is that of all
  p.failAs(result, 'faccessat2', [AT_FDCWD, name, X_OK, AT_EACCESS])
  p.place(found)
  return chosen
}

/** Enters process.cwd. A folder that only root may enter is entered before the user is changed, one that only the user may enter after it. */
export const emitChdir = ({ p, plan }: Emit<ProcessPlan>): { again: () => void } => {
  p.during = 'process.cwd'
  const first = p.call('chdir', [plan.process.cwd], { tolerate: ['EACCES'] })
  return {
    again: () => {
      p.during = 'process.cwd'
      const there = p.label()
      p.compare(first, 0, { equal: there })
      p.call('chdir', [plan.process.cwd])
      p.place(there)
      // a folder outside of the root shows as "(unreachable)…", getcwd(2): a leaked descriptor as working directory (CVE-2024-21626)
      const path = p.buffer(4096)
      p.call('getcwd', [path, 4096])
      p.compare(path, '/'.charCodeAt(0), { mask: 0xff, otherwise: 'fail' })
    },
  }
}

/** What is not the process's own closes: what is needed until then when it is executed, the rest at once. */
export const emitCloseOnExec = ({ p, plan }: Emit<ProcessPlan>, during?: string): void => {
  p.during = during
  if (plan.kept > 0) p.call('close_range', [plan.inherited, plan.inherited + plan.kept - 1, CLOSE_RANGE_CLOEXEC])
  p.call('close_range', [plan.inherited + plan.kept, 0xffffffff, 0])
}

/** A config without a process has a container that ends when it is started. */
export const emitExecve = ({ p, plan }: Emit<ProcessPlan>, executable: Cell | undefined): void => {
  if (executable === undefined) {
    p.exit(0)
    return
  }
  p.during = `exec ${plan.process.args[0]}`
  p.call('execve', [executable, p.strings(plan.process.args), p.strings(plan.env)], { positive: 'fail', zero: 'fail' })
}
