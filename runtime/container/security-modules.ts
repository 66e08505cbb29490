/** Which labels the kernel understands: apparmor(7), selinux(8). */
import { existsSync, readFileSync } from 'node:fs'

const APPARMOR = '/sys/module/apparmor/parameters/enabled'

export const isApparmorEnabled = (): boolean => existsSync(APPARMOR) && readFileSync(APPARMOR, 'utf8').startsWith('Y')

export const isSelinuxEnabled = (): boolean => existsSync('/sys/fs/selinux/enforce')
