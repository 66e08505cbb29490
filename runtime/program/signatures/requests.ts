/** ioctl(2): requests and what they point to. */
import * as ioctl from '../../sys/abi/ioctl.ts'
import { IFREQ, TERMIOS, WINSIZE } from '../../sys/abi/ioctl.ts'
import * as seccomp from '../../sys/abi/seccomp.ts'
import { flags, join, pick } from './constants.ts'
import { address, constant, depends, int, type Kind, type Layout, out, pointer, uint, word } from './kind.ts'
import { layout, struct, structText } from './struct.ts'
import { dataLong, quote, stringAt, toInt } from './text.ts'

export const REQUESTS = join(pick(ioctl, /^(TC|TIOC|FIO|NS_|SIOC|FS_IOC|FICLONE)/), pick(seccomp, /^SECCOMP_IOCTL_/))

const winsize = struct(
  layout([
    ['ws_row', WINSIZE.ws_row, 2, uint, 'always'],
    ['ws_col', WINSIZE.ws_col, 2, uint, 'always'],
    ['ws_xpixel', WINSIZE.ws_xpixel, 2, uint],
    ['ws_ypixel', WINSIZE.ws_ypixel, 2, uint],
  ]),
)

const termios = struct(
  layout([
    ['c_iflag', TERMIOS.c_iflag, 4, word],
    ['c_oflag', TERMIOS.c_oflag, 4, flags(pick(ioctl, /^(OPOST|ONLCR)$/))],
    ['c_cflag', TERMIOS.c_cflag, 4, word],
    ['c_lflag', TERMIOS.c_lflag, 4, flags(pick(ioctl, /^(ECHO|ICANON|ISIG)$/))],
  ]),
)

const IFR_FLAGS = layout([['ifr_flags', IFREQ.ifr_flags, 2, flags(pick(ioctl, /^IFF_/))]])
const IFR_NUMBER = layout([['ifr_ifindex', IFREQ.ifr_ifindex, 4, int]])
const IFR_NONE = layout([])
const ifreq = (fields: Layout): Kind =>
  pointer((at, scope) => {
    const rest = structText(fields, at, scope).slice(1)
    return `{ifr_name=${quote(stringAt(at, scope) ?? '')}${rest === '}' ? '' : ', '}${rest}`
  })

const ARGUMENTS = new Map<number | undefined, Kind>([
  [ioctl.TCGETS, out],
  [ioctl.TCSETS, termios],
  [ioctl.TCSETSW, termios],
  [ioctl.TCSETSF, termios],
  [ioctl.TIOCSCTTY, int],
  [ioctl.TIOCGPTN, out],
  [ioctl.TIOCGPTPEER, word],
  [ioctl.TIOCSPTLCK, toInt],
  [ioctl.TIOCSPGRP, toInt],
  [ioctl.TIOCSWINSZ, winsize],
  [ioctl.TIOCGWINSZ, out],
  [ioctl.TIOCSTI, dataLong(1)],
  [ioctl.FIONREAD, out],
  [ioctl.FIONBIO, toInt],
  [ioctl.SIOCSIFFLAGS, ifreq(IFR_FLAGS)],
  [ioctl.SIOCGIFFLAGS, ifreq(IFR_NONE)],
  [ioctl.SIOCGIFINDEX, ifreq(IFR_NUMBER)],
  [ioctl.SIOCSIFMTU, ifreq(IFR_NUMBER)],
  [ioctl.FICLONE, int],
])

export const requestArgument: Kind = depends((args) => ARGUMENTS.get(constant(args[1])) ?? address)
