/** passwd(5) and group(5) of an image. A line that is not what it should be is no entry: in particular it is never root’s. */
import { readInRoot } from './in-root.ts'

export interface PasswdEntry {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

export interface GroupEntry {
  readonly name: string
  readonly gid: number
  /** Separated by commas; millions of them must cost no more than the file. */
  readonly members: string
}

/** 2^32 - 1 means "no change" to setresuid(2) and chown(2), so it is no id. */
export const LARGEST_ID = 0xffff_fffe

/** An id in decimal, and nothing that other parsers take for one: no sign, no space, no other base. */
export const parseId = (text: string): number | undefined => {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id <= LARGEST_ID ? id : undefined
}

const CONTROL = /\p{Cc}/u

const lines = (bytes: Uint8Array | undefined): string[][] =>
  bytes === undefined
    ? []
    : Buffer.from(bytes)
        .toString('utf8')
        .split('\n')
        .map((line) => line.replace(/\r$/, ''))
        .filter((line) => line !== '' && !CONTROL.test(line))
        .map((line) => line.split(':'))

export const parsePasswd = (bytes: Uint8Array | undefined): readonly PasswdEntry[] =>
  lines(bytes).flatMap(([name = '', , uidText = '', gidText = '', , home = '', shell]) => {
    const uid = parseId(uidText)
    const gid = parseId(gidText)
    return name === '' || uid === undefined || gid === undefined || shell === undefined ? [] : [{ name, uid, gid, home }]
  })

export const parseGroup = (bytes: Uint8Array | undefined): readonly GroupEntry[] =>
  lines(bytes).flatMap(([name = '', , gidText = '', members]) => {
    const gid = parseId(gidText)
    return name === '' || gid === undefined || members === undefined ? [] : [{ name, gid, members }]
  })

export const isMember = ({ members }: GroupEntry, user: string): boolean => `,${members},`.includes(`,${user},`)

/** `root` is a descriptor of the root filesystem’s folder. Without the file there is nobody. */
export const readPasswd = (root: number): readonly PasswdEntry[] => parsePasswd(readInRoot(root, '/etc/passwd'))
export const readGroup = (root: number): readonly GroupEntry[] => parseGroup(readInRoot(root, '/etc/group'))
