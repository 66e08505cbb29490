/** Puts back what Node changed of this process and containers inherit. */
import { RLIMITS } from '../../runtime/sys/abi/resource.ts'
import { syscall } from '../../runtime/sys/syscall.ts'

/** struct rlimit64: soft and hard limit. */
const RLIMIT_SIZE = 16

/** Node raises the soft limit of open files to the hard one; a container whose config has no such limit is to have the caller’s. */
export const restoreOpenFiles = (soft: number | undefined): void => {
  if (soft === undefined) return
  const limit = Buffer.alloc(RLIMIT_SIZE)
  syscall('prlimit64', [0, RLIMITS.RLIMIT_NOFILE, 0, limit])
  if (limit.readBigUInt64LE(0) === BigInt(soft)) return
  limit.writeBigUInt64LE(BigInt(soft), 0)
  syscall('prlimit64', [0, RLIMITS.RLIMIT_NOFILE, limit, 0], { args: ['RLIMIT_NOFILE', `soft=${soft}`] })
}
