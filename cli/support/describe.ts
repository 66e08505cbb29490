/** Errors as a person, or a program that greps for libc’s words, reads them. */
import { SyscallError } from '../../runtime/sys/error.ts'

/** strerror(3), in lower case as Go prints it: podman and docker look for these words to choose their exit status. */
const TEXTS: Readonly<Record<string, string>> = {
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  ESRCH: 'no such process',
  EINTR: 'interrupted system call',
  EIO: 'input/output error',
  ENXIO: 'no such device or address',
  E2BIG: 'argument list too long',
  ENOEXEC: 'exec format error',
  EBADF: 'bad file descriptor',
  ECHILD: 'no child processes',
  EAGAIN: 'resource temporarily unavailable',
  ENOMEM: 'cannot allocate memory',
  EACCES: 'permission denied',
  EFAULT: 'bad address',
  ENOTBLK: 'block device required',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  EXDEV: 'invalid cross-device link',
  ENODEV: 'no such device',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EINVAL: 'invalid argument',
  ENFILE: 'too many open files in system',
  EMFILE: 'too many open files',
  ENOTTY: 'inappropriate ioctl for device',
  ETXTBSY: 'text file busy',
  EFBIG: 'file too large',
  ENOSPC: 'no space left on device',
  ESPIPE: 'illegal seek',
  EROFS: 'read-only file system',
  EMLINK: 'too many links',
  EPIPE: 'broken pipe',
  EDOM: 'numerical argument out of domain',
  ERANGE: 'numerical result out of range',
  ENAMETOOLONG: 'file name too long',
  ENOSYS: 'function not implemented',
  ENOTEMPTY: 'directory not empty',
  ELOOP: 'too many levels of symbolic links',
  ENODATA: 'no data available',
  EOVERFLOW: 'value too large for defined data type',
  ELIBBAD: 'accessing a corrupted shared library',
  EUSERS: 'too many users',
  ENOTSOCK: 'socket operation on non-socket',
  EMSGSIZE: 'message too long',
  ENOTSUP: 'operation not supported',
  EADDRINUSE: 'address already in use',
  ECONNRESET: 'connection reset by peer',
  ENOTCONN: 'transport endpoint is not connected',
  ETIMEDOUT: 'connection timed out',
  ECONNREFUSED: 'connection refused',
  ESTALE: 'stale file handle',
  EDQUOT: 'disk quota exceeded',
  ECANCELED: 'operation canceled',
  ENOKEY: 'required key not available',
  EKEYREJECTED: 'key was rejected by service',
}

/** `EPERM` → `operation not permitted`; the code itself where it has no text here. */
export const errnoText = (code: string): string => TEXTS[code] ?? code

/** node:fs writes `ENOENT: no such file or directory, open 'x'`. */
const FILE_ERROR = /^[A-Z0-9]+: .*?, (\w+)(?: '(.*)')?$/s

/** One line, with the system’s words for an errno. What caused the error is added where the message does not say it. */
export const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  let text = error.message
  if (error instanceof SyscallError) text = text.replace(`: ${error.code}`, `: ${errnoText(error.code)}`)
  else if ('code' in error && typeof error.code === 'string') {
    const [, call, path] = FILE_ERROR.exec(text) ?? []
    if (call !== undefined) text = `${call}${path === undefined ? '' : ` ${path}`}: ${errnoText(error.code)}`
  }
  if (error.cause === undefined) return text
  const cause = describe(error.cause)
  return text.includes(cause) || (error.cause instanceof Error && text.includes(error.cause.message)) ? text : `${text}: ${cause}`
}
