/** The file behind a failure page: memory where only this process reads it, a file of the container where `start` does. */
import { constants, ftruncateSync, openSync, readSync } from 'node:fs'
import { PAGE_SIZE } from '../program/layout.ts'
import { Page } from '../program/page.ts'
import { MFD_CLOEXEC } from '../sys/abi/fcntl.ts'
import { syscall } from '../sys/syscall.ts'

/** A close-on-exec descriptor. */
export const makePage = (path?: string): number => {
  const fd =
    path === undefined
      ? syscall('memfd_create', ['wherry-page', MFD_CLOEXEC])
      : openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  ftruncateSync(fd, PAGE_SIZE)
  return fd
}

export const readPage = (fd: number): Page => {
  const bytes = Buffer.alloc(PAGE_SIZE)
  readSync(fd, bytes, 0, PAGE_SIZE, 0)
  return new Page(bytes)
}
