/** cgroups and user namespaces. */
import { rangesOf } from '../../runtime/rootless/subordinate.ts'
import { hindrance } from '../../runtime/rootless/hindrances.ts'
import { type Check, limited, type Machine, missing, ok, sysctl } from './check.ts'

const WANTED = ['cpu', 'memory', 'pids'] as const
const NICE = ['io', 'cpuset'] as const
/** What each is for. */
const FLAGS = {
  cpu: '--cpus',
  memory: '--memory',
  pids: '--pids-limit',
  io: '--blkio-weight, --device-read-bps',
  cpuset: '--cpuset-cpus',
} as const
/** As v1 calls them. */
const V1_NAMES: Readonly<Record<string, string>> = { io: 'blkio' }

const cgroups = ({ uid, probes }: Machine): Check[] => {
  let facts: ReturnType<Machine['probes']['cgroups']>
  try {
    facts = probes.cgroups()
  } catch (error) {
    return [
      missing(
        'cgroups',
        error instanceof Error ? error.message : String(error),
        'no container can be made',
        'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
      ),
    ]
  }
  const { kind, controllers, writable } = facts
  const has = (name: string): boolean => controllers.includes(kind === 'v2' ? name : (V1_NAMES[name] ?? name))
  const [lacks, lesser] = [WANTED.filter((name) => !has(name)), NICE.filter((name) => !has(name))]
  const layout =
    kind === 'v2'
      ? ok('cgroups', 'version 2')
      : limited(
          'cgroups',
          kind === 'v1' ? 'version 1' : 'version 1, with version 2 beside it',
          '--memory-low and --cgroup-conf need version 2; users without privileges have no limits',
          'boot with systemd.unified_cgroup_hierarchy=1',
        )
  const delegate = 'systemctl edit user@.service: [Service] Delegate=cpu cpuset io memory pids'
  const detail =
    uid !== 0 && !writable
      ? limited('controllers', 'this user’s cgroup may not be written to', 'no limits for containers of this user', delegate)
      : lacks.length > 0
        ? limited(
            'controllers',
            `${lacks.join(', ')} ${lacks.length === 1 ? 'is' : 'are'} not there`,
            `${lacks.map((name) => FLAGS[name]).join(', ')} will be refused`,
            uid !== 0
              ? delegate
              : kind === 'v2'
                ? `echo +${lacks.join(' +')} > /sys/fs/cgroup/cgroup.subtree_control`
                : 'boot with cgroup_enable=memory',
          )
        : lesser.length > 0
          ? limited(
              'controllers',
              `without ${lesser.join(', ')}`,
              lesser.map((name) => ({ io: '--blkio-weight, --device-read-bps', cpuset: '--cpuset-cpus' })[name]).join(', ') +
                ' will be refused',
            )
          : ok('controllers', [...WANTED, ...NICE].join(', '))
  return [layout, detail]
}

const namespaces = (machine: Machine): Check[] => {
  const name = 'user namespaces'
  const problem = hindrance((key) => sysctl(machine, key.replaceAll('/', '.')))
  const costs = machine.uid === 0 ? '--userns other than host does not work' : 'without root nothing runs'
  const say = machine.uid === 0 ? limited : missing
  if (problem !== undefined) {
    const [found = '', mend] = problem.message.split(': as root, ')
    return [say(name, found, costs, mend)]
  }
  if (machine.uid !== 0 && sysctl(machine, 'kernel.apparmor_restrict_unprivileged_userns') === '1')
    return [say(name, 'AppArmor takes all rights from them', costs, 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0')]
  return [ok(name, `up to ${sysctl(machine, 'user.max_user_namespaces') ?? '?'}`)]
}

/** Fewer than these, and images whose files belong to many users do not unpack. */
const ENOUGH = 65_536

const ids = ({ uid, user, find }: Machine): Check[] => {
  const name = 'ids of users'
  const helpers = ['newuidmap', 'newgidmap'].filter((program) => find(program) === undefined)
  if (uid === 0) return []
  if (helpers.length > 0)
    return [
      missing(
        name,
        `${helpers.join(' and ')} not found`,
        'containers of this user have one id only: most images do not unpack',
        'apt-get install uidmap',
      ),
    ]
  const counts = (['/etc/subuid', '/etc/subgid'] as const).map((file) => ({
    file,
    count: rangesOf(file, user, uid).reduce((sum, range) => sum + range.count, 0),
  }))
  const few = counts.filter(({ count }) => count < ENOUGH)
  if (few.length > 0)
    return [
      (few.some(({ count }) => count === 0) ? missing : limited)(
        name,
        few.map(({ file, count }) => `${file} gives ${user ?? uid} ${count} ids`).join(', '),
        'images whose files belong to other users than root do not unpack',
        `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user ?? uid}`,
      ),
    ]
  return [ok(name, counts.map(({ file, count }) => `${count} in ${file}`).join(', '))]
}

export const limitChecks = (machine: Machine): Check[] => [...cgroups(machine), ...namespaces(machine), ...ids(machine)]
