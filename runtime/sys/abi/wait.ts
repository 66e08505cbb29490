/** Waiting for children: linux/wait.h, asm-generic/siginfo.h; waitid(2), wait(2). */

export const WNOHANG = 0x1
export const WUNTRACED = 0x2
export const WSTOPPED = 0x2
export const WEXITED = 0x4
export const WCONTINUED = 0x8
export const WNOWAIT = 0x01000000
export const __WNOTHREAD = 0x20000000
export const __WALL = 0x40000000
export const __WCLONE = 0x80000000

export const P_ALL = 0
export const P_PID = 1
export const P_PGID = 2
export const P_PIDFD = 3

/** si_code of SIGCHLD. */
export const CLD_EXITED = 1
export const CLD_KILLED = 2
export const CLD_DUMPED = 3
export const CLD_TRAPPED = 4
export const CLD_STOPPED = 5
export const CLD_CONTINUED = 6

/** siginfo_t as waitid fills it: 32-bit fields. si_status is the exit code or the signal, as si_code says. */
export const SIGINFO = { si_signo: 0, si_errno: 4, si_code: 8, si_pid: 16, si_uid: 20, si_status: 24, size: 128 } as const

/** The parts of a status word of wait4. */
export const wifexited = (status: number): boolean => (status & 0x7f) === 0
export const wexitstatus = (status: number): number => (status >> 8) & 0xff
export const wifsignaled = (status: number): boolean => (status & 0x7f) !== 0 && (status & 0x7f) !== 0x7f
export const wtermsig = (status: number): number => status & 0x7f
export const wifstopped = (status: number): boolean => (status & 0xff) === 0x7f
export const wstopsig = (status: number): number => (status >> 8) & 0xff
export const wcoredump = (status: number): boolean => (status & 0x80) !== 0
