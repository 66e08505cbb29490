/** A root filesystem of Debian's busybox-static, made anew for each bundle: one file, linked, and names for it. */
import { chmodSync, copyFileSync, linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Programs the probes use. */
const APPLETS =
  '[ awk basename cat chgrp chmod chown cmp cp cut date dd df dirname echo env expr false find free grep head hostname id ionice kill ' +
  'ln ls mkdir mkfifo mknod mount mv nc nproc nsenter od ping printf ps pwd readlink realpath renice rm rmdir sed sethostname setpriv ' +
  'setsid sh sleep sort stat stty sync tail taskset test time timeout top touch tr true truncate tty umount uname unshare usleep wc ' +
  'which whoami xargs xxd yes ip'

const FOLDERS = ['bin', 'dev', 'etc', 'mnt', 'proc', 'root', 'run', 'sys', 'tmp']

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n'
const GROUP = 'root:x:0:\nusers:x:100:\nuser:x:1000:\n'

/** Makes the tree at `rootfs`; the program itself is copied once, beside it. */
export const makeRootfs = (rootfs: string): void => {
  const busybox = `${dirname(rootfs)}/../busybox`
  if (statSync(busybox, { throwIfNoEntry: false }) === undefined) {
    copyFileSync('/bin/busybox', busybox)
    chmodSync(busybox, 0o755)
  }
  mkdirSync(rootfs, { mode: 0o755 })
  for (const folder of FOLDERS) mkdirSync(`${rootfs}/${folder}`, { mode: 0o755 })
  chmodSync(`${rootfs}/tmp`, 0o1777)
  linkSync(busybox, `${rootfs}/bin/busybox`)
  for (const applet of APPLETS.split(' ')) symlinkSync('busybox', `${rootfs}/bin/${applet}`)
  writeFileSync(`${rootfs}/etc/passwd`, PASSWD)
  writeFileSync(`${rootfs}/etc/group`, GROUP)
}
