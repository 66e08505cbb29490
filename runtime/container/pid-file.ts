/** The file that a caller wants a process id in. */
import { closeSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { AT_FDCWD, AT_SYMLINK_FOLLOW, O_CLOEXEC, O_TMPFILE, O_WRONLY } from '../sys/abi/fcntl.ts'
import { SyscallError } from '../sys/error.ts'
import { ARCH, trySyscall } from '../sys/syscall.ts'

const MODE = 0o644

/** For file systems without O_TMPFILE. */
const byRename = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text, { mode: MODE })
  renameSync(`${path}.new`, path)
}

/** Written whole, so that a reader finds a number or no file; and a writer that is killed leaves no other file, open(2) "O_TMPFILE". */
export const writePidFile = (path: string, pid: number): void => {
  const fd = trySyscall('openat', AT_FDCWD, dirname(path), O_TMPFILE[ARCH] | O_WRONLY | O_CLOEXEC, MODE)
  if (fd < 0) {
    byRename(path, String(pid))
    return
  }
  try {
    writeSync(fd, String(pid))
    rmSync(path, { force: true })
    const linked = trySyscall('linkat', AT_FDCWD, `/proc/self/fd/${fd}`, AT_FDCWD, path, AT_SYMLINK_FOLLOW)
    if (linked < 0) throw new SyscallError('linkat', -linked, { args: [path] })
  } finally {
    closeSync(fd)
  }
}
