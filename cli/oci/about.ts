/** The head of the program’s help and manual page. */
import type { DoorHelp } from '../support/help.ts'
import { GLOBALS } from './globals.ts'
import { RUNC_VERSION, VERSION } from './version.ts'

export const DOOR: DoorHelp = {
  name: 'wherry-oci',
  summary: 'Open Container Initiative runtime',
  version: VERSION,
  description: `Runs containers from bundles: folders with a root filesystem and a config.json, as the OCI runtime-spec defines them. A container
is compiled into a small program of system calls, which explain shows.

The commands, flags, output and exit statuses are those of runc ${RUNC_VERSION}, so that podman, containerd, CRI-O and docker can be told to
use this program in its place. Called by a symbolic link named runc, it goes by that name.`,
  flags: GLOBALS,
}
