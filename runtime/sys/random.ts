/** Random bytes, getrandom(2). node:crypto takes longer to load than a container to start. */
import { syscall } from './syscall.ts'

/** At most 256, so that the kernel gives all of them at once. */
export const randomBytes = (length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  syscall('getrandom', [bytes, length, 0])
  return bytes
}
