/** What to do about a failed system call, by call and errno. A hint is for the reader of a message, never for control flow. */

interface Hint {
  readonly calls: readonly string[]
  readonly code: string
  /** Applies only where an argument as printed contains this. */
  readonly about?: string
  readonly hint: string
}

/** Made when something has failed: each program that starts would pay for a table. */
const hints = (): readonly Hint[] => [
  { calls: ['mount', 'move_mount', 'open_tree', 'fsmount'], code: 'ENOSPC', hint: 'the mount limit is reached: raise sysctl fs.mount-max' },
  {
    calls: ['mount', 'fsopen', 'fsmount', 'fsconfig'],
    code: 'ENODEV',
    hint: 'the kernel has no such file system: load its module or choose another type',
  },
  {
    calls: ['mount', 'fsmount', 'fsconfig'],
    code: 'EPERM',
    about: 'proc',
    hint: 'a new procfs in a user namespace needs a procfs without masked paths outside: unmask it there or bind the host’s /proc',
  },
  {
    calls: ['mount', 'move_mount', 'fsmount', 'mount_setattr'],
    code: 'EPERM',
    hint: 'CAP_SYS_ADMIN in the owner of this mount namespace is needed',
  },
  {
    calls: ['move_mount'],
    code: 'EINVAL',
    hint: 'a folder is mounted onto folders and a file onto files: one of the two is not a directory',
  },
  {
    calls: ['mount_setattr'],
    code: 'EINVAL',
    about: 'IDMAP',
    hint: 'the file system of the source does not support idmapped mounts on this kernel, or the mount is idmapped already',
  },
  {
    calls: ['clone', 'clone3', 'unshare'],
    code: 'EPERM',
    about: 'NEWUSER',
    hint: 'user namespaces are refused: see sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces and AppArmor’s userns restriction',
  },
  { calls: ['clone', 'clone3', 'unshare'], code: 'EPERM', hint: 'CAP_SYS_ADMIN is needed: run as root or ask for a user namespace' },
  { calls: ['clone', 'clone3', 'unshare'], code: 'ENOSPC', hint: 'the namespace limit is reached: raise sysctl user.max_*_namespaces' },
  {
    calls: ['clone', 'clone3', 'fork'],
    code: 'EAGAIN',
    hint: 'the process limit is reached: see pids.max of the cgroup, RLIMIT_NPROC and kernel.pid_max',
  },
  { calls: ['clone3'], code: 'EBUSY', hint: 'the cgroup has controllers enabled for its children and takes no processes: choose a leaf' },
  { calls: ['setrlimit', 'prlimit64'], code: 'EPERM', hint: 'raising a hard limit needs CAP_SYS_RESOURCE, which this process lacks' },
  {
    calls: ['write'],
    code: 'EACCES',
    about: 'oom_score_adj',
    hint: 'lowering oom_score_adj needs CAP_SYS_RESOURCE, which this process lacks',
  },
  {
    calls: ['write'],
    code: 'EPERM',
    about: 'oom_score_adj',
    hint: 'lowering oom_score_adj needs CAP_SYS_RESOURCE, which this process lacks',
  },
  {
    calls: ['write'],
    code: 'EPERM',
    about: 'uid_map',
    hint: 'the ids must be in /etc/subuid and newuidmap installed, or the caller must have CAP_SETUID',
  },
  {
    calls: ['write'],
    code: 'EPERM',
    about: 'gid_map',
    hint: 'the ids must be in /etc/subgid and newgidmap installed, or the caller must have CAP_SETGID',
  },
  {
    calls: ['sched_setattr'],
    code: 'EPERM',
    hint: "process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus), and a real-time or deadline policy needs CAP_SYS_NICE",
  },
  { calls: ['setns'], code: 'EPERM', hint: 'the namespace belongs to another user namespace: CAP_SYS_ADMIN there is needed' },
  {
    calls: ['setns'],
    code: 'EINVAL',
    hint: 'the file is not a namespace of that type, or it is the user namespace the process is in already',
  },
  {
    calls: ['execve', 'execveat'],
    code: 'ENOENT',
    hint: 'no such file in the container, or its interpreter (#! line or ELF loader) is missing',
  },
  { calls: ['execve', 'execveat'], code: 'EACCES', hint: 'the file is not executable for this user, or lies on a noexec mount' },
  { calls: ['execve', 'execveat'], code: 'ENOEXEC', hint: 'the file is no executable of this architecture, or a script without a #! line' },
  { calls: ['seccomp'], code: 'EACCES', hint: 'without no_new_privs a filter needs CAP_SYS_ADMIN' },
  { calls: ['seccomp'], code: 'EINVAL', hint: 'the kernel refuses this filter or one of its flags' },
  { calls: ['pivot_root'], code: 'EINVAL', hint: 'the host’s root is a ramfs: use --no-pivot' },
  { calls: ['chdir'], code: 'ENOENT', hint: 'process.cwd does not exist in the container' },
]

/** The hint of the table for a failed call, or undefined. The first row that fits wins. */
export const hintFor = (call: string, code: string, args: readonly string[]): string | undefined =>
  hints().find(
    (row) => row.calls.includes(call) && row.code === code && (row.about === undefined || args.some((arg) => arg.includes(row.about!))),
  )?.hint
