/** The end of the process. */

/** Node’s streams make what they write to non-blocking, also for those who share it; Node’s own end makes up for it. */
let streams = false

/** process.stdout, for who looks whether it is a terminal. */
export const standardOutput = (): NodeJS.WriteStream => {
  streams = true
  return process.stdout
}

/** process.stderr, likewise. */
export const standardError = (): NodeJS.WriteStream => {
  streams = true
  return process.stderr
}

/** Without Node’s tidying up, which takes two milliseconds. All output is written by now. */
export const leave = async (status: number): Promise<never> => {
  if (!streams) {
    const { trySyscall } = await import('../../runtime/sys/syscall.ts')
    trySyscall('exit_group', status)
  }
  return (process as unknown as { reallyExit(status: number): never }).reallyExit(status)
}
