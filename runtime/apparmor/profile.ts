/**
 * The default profile of containers, apparmor.d(5): what Docker's has. Files are the container's own, so what is denied is what leads out of it:
 * writing to the kernel's parameters, mounting, and meddling with processes outside.
 */

export const DEFAULT_PROFILE = 'wherry-default'

/** Of /proc what a container has of its own may be written to: its processes, and what namespaces have of /proc/sys. */
const PROC = [
  'deny @{PROC}/* w,',
  'deny @{PROC}/{[^1-9s],[^1-9s][^0-9y],[^1-9s][^0-9y][^0-9s]}** w,',
  'deny @{PROC}/sys/[^kn]** w,',
  'deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,',
  'deny @{PROC}/sysrq-trigger rwklx,',
  'deny @{PROC}/kcore rwklx,',
  'deny @{PROC}/kmem rwklx,',
  'deny @{PROC}/mem rwklx,',
]

/** Of /sys its cgroups alone. */
const SYS = [
  'deny /sys/[^f]*/** wklx,',
  'deny /sys/f[^s]*/** wklx,',
  'deny /sys/fs/[^c]*/** wklx,',
  'deny /sys/fs/c[^g]*/** wklx,',
  'deny /sys/fs/cg[^r]*/** wklx,',
  'deny /sys/firmware/** rwklx,',
  'deny /sys/devices/virtual/powercap/** rwklx,',
  'deny /sys/kernel/security/** rwklx,',
]

/** The text for apparmor_parser(8). */
export const profileText = (name: string): string => `@{PROC}=/proc/

profile ${name} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  unix,
  userns,

  signal (receive) peer=unconfined,
  signal (send,receive) peer=${name},
  ptrace (trace,read,tracedby,readby) peer=${name},

${[...PROC, 'deny mount,', ...SYS].map((rule) => `  ${rule}\n`).join('')}}
`
