/** Flags of run about namespaces, cgroups and parameters of the kernel, asserted by what the kernel says. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { layout } from '../../../runtime/cgroups/layout.ts'
import { Containers, IMAGE } from '../../support/cli-containers.ts'
import { requires } from '../../support/requires.ts'

/** A block device of this machine whose use can be limited. */
const disk = existsSync('/sys/block')
  ? readdirSync('/sys/block').find((name) => /^(vd|sd|nvme|loop)/.test(name) && existsSync(`/dev/${name}`))
  : undefined

describe('flags of wherry run: the kernel', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())

  const shell = async (flags: readonly string[], script: string): Promise<string> =>
    (await wherry.ok('run', '--rm', '--network', 'none', ...flags, IMAGE, 'sh', '-c', script)).trim()
  const fails = (flags: readonly string[]): Promise<string> =>
    wherry.fails(['run', '--rm', '--network', 'none', ...flags, IMAGE, 'true'], 125)

  describe('namespaces', () => {
    const own = (type: string) => readlinkSync(`/proc/self/ns/${type}`)

    test('are its own by default, but that of users', async () => {
      const types = ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'user', 'time']
      const links = (await shell([], types.map((type) => `readlink /proc/self/ns/${type}`).join(';'))).split('\n')
      for (const [index, type] of types.entries()) {
        if (type === 'user' || type === 'time') assert.equal(links[index], own(type), type)
        else assert.notEqual(links[index], own(type), type)
      }
    })

    test('--pid, --ipc, --uts, --cgroupns, --network: host', async () => {
      const flags = ['--pid', 'host', '--ipc', 'host', '--uts', 'host', '--cgroupns', 'host']
      const links = await wherry.ok(
        'run',
        '--rm',
        ...flags,
        '--network',
        'host',
        IMAGE,
        'sh',
        '-c',
        'for type in pid ipc uts cgroup net; do readlink /proc/self/ns/$type; done',
      )
      assert.deepEqual(links.trim().split('\n'), ['pid', 'ipc', 'uts', 'cgroup', 'net'].map(own))
    })

    test('--pid, --ipc, --uts, --network, --userns: container', async () => {
      await wherry.startShell('peer', 'echo shared > /dev/shm/file; exec sleep 1000', [
        '--ipc',
        'shareable',
        '--hostname',
        'peers-host',
        '--userns',
        'auto',
      ])
      const flags = ['--pid', 'container:peer', '--ipc', 'container:peer', '--uts', 'container:peer', '--userns', 'container:peer']
      const script = 'hostname; cat /dev/shm/file; tr "\\0" " " < /proc/1/cmdline; echo; cat /proc/self/uid_map | tr -s " "'
      const [name, shm, first, map] = (await wherry.ok('run', '--rm', ...flags, '--network', 'container:peer', IMAGE, 'sh', '-c', script))
        .trimEnd()
        .split('\n')
      assert.deepEqual([name, shm, first], ['peers-host', 'shared', 'sleep 1000 '])
      assert.equal(map, (await wherry.ok('exec', 'peer', 'sh', '-c', 'cat /proc/self/uid_map | tr -s " "')).trimEnd())
      await wherry.startShell('alone', 'exec sleep 1000')
      assert.match(await fails(['--ipc', 'container:alone']), /does not share it: make that one with --ipc shareable/)
      await wherry.ok('stop', '-t', '0', 'peer')
      assert.match(await fails(['--pid', 'container:peer']), /container peer, whose pid namespace is wanted, does not run: start it first/)
      await wherry.ok('rm', '-f', 'peer', 'alone')
    })

    test('--ipc none has no /dev/shm', async () => {
      assert.equal(await shell(['--ipc', 'none'], 'grep -c " /dev/shm " /proc/self/mountinfo; true'), '0')
    })

    test('--userns auto, keep-id, --uidmap and --gidmap', async () => {
      const map = (file: string) => `cat /proc/self/${file} | tr -s " " | sed "s/^ //"`
      const [first, second] = await Promise.all([1, 2].map(() => shell(['--userns', 'auto:size=5000'], `${map('uid_map')}; sleep 1`)))
      assert.match(first!, /^0 \d+ 5000$/)
      assert.notEqual(first, second)
      assert.equal(
        await shell(['--uidmap', '0:100000:1000', '--gidmap', '0:200000:2000'], `${map('uid_map')}; ${map('gid_map')}`),
        '0 100000 1000\n0 200000 2000',
      )
      assert.equal(
        await shell(['--userns', 'keep-id:uid=1000', '-u', '1000'], `${map('uid_map')} | head -n 2; id -u`),
        '0 1 1000\n1000 0 1\n1000',
      )
      // the image's files are root's, and what is written too
      assert.equal(await shell(['--userns', 'auto'], 'touch /new; stat -c %u /bin/busybox /new /etc/hosts | tr "\\n" " "'), '0 0 0')
      assert.match(await fails(['--userns', 'nomap']), /is for users other than root/)
    })

    test('a root of a user namespace is nobody on the machine', async () => {
      await wherry.start('mapped', ['sleep', '1000'], ['--userns', 'auto'])
      const [{ State }] = JSON.parse(await wherry.ok('inspect', 'mapped')) as [{ State: { Pid: number } }]
      const { uid } = statSync(`/proc/${State.Pid}`)
      assert.ok(uid >= 65_536 || uid === 0, String(uid))
      assert.match(readFileSync(`/proc/${State.Pid}/status`, 'utf8'), /^Uid:\t(?!0\t)\d+\t/m)
      await wherry.ok('rm', '-f', 'mapped')
    })

    test('--time-offset', async () => {
      const up = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
      const shifted = Number(
        (await shell(['--time-offset', 'boottime=1000h', '--time-offset', 'monotonic=-0.5'], 'cat /proc/uptime')).split(' ')[0],
      )
      assert.ok(shifted - up >= 3_600_000 && shifted - up < 3_600_600, String(shifted - up))
    })
  })

  describe('cgroups', () => {
    const v2 = layout().kind === 'v2'

    /** Files of the container's cgroups: by their name of cgroup v1 or v2. */
    const files = async (flags: readonly string[], wanted: readonly (readonly [v1: string, v2: string])[]): Promise<readonly string[]> => {
      const script = wanted.map(([one, two]) => `cat /sys/fs/cgroup/${v2 ? two : one}`).join('; ')
      return (await shell(flags, script)).split('\n')
    }

    test('--memory, --memory-swap, --memory-reservation', async () => {
      const wanted = [
        ['memory/memory.limit_in_bytes', 'memory.max'],
        ['memory/memory.soft_limit_in_bytes', 'memory.low'],
      ] as const
      assert.deepEqual(await files(['-m', '64m', '--memory-reservation', '32m'], wanted), ['67108864', '33554432'])
      const swap = [['memory/memory.memsw.limit_in_bytes', 'memory.swap.max']] as const
      assert.deepEqual(await files(['-m', '64m'], swap), [v2 ? '0' : '67108864'])
      assert.deepEqual(await files(['-m', '64m', '--memory-swap', '96m'], swap), [v2 ? '33554432' : '100663296'])
      const [unlimited] = await files(['-m', '64m', '--memory-swap', '-1'], swap)
      assert.ok(unlimited === 'max' || BigInt(unlimited!) > 2n ** 62n, unlimited)
    })

    test('--memory-swappiness, --oom-kill-disable, --memory-low', { skip: v2 ? 'cgroup v2 has them not' : false }, async () => {
      const wanted = [
        ['memory/memory.swappiness', ''],
        ['memory/memory.oom_control', ''],
      ] as const
      const [swappiness, oom] = await files(['-m', '64m', '--memory-swappiness', '7', '--oom-kill-disable'], wanted)
      assert.deepEqual([swappiness, oom], ['7', 'oom_kill_disable 1'])
      const { stderr } = await wherry.run(['run', '--rm', '--network', 'none', '--memory-low', '1m', IMAGE, 'true'])
      assert.match(stderr, /--memory-low has no effect: it is a setting of cgroup v2/)
      assert.match(await fails(['--cgroup-conf', 'memory.high=1000000']), /--cgroup-conf memory\.high: this machine has no cgroup v2/)
    })

    test('--memory-low and --cgroup-conf', { skip: v2 ? false : 'requires cgroup_v2' }, async () => {
      const wanted = [
        ['', 'memory.low'],
        ['', 'memory.high'],
      ] as const
      assert.deepEqual(await files(['--memory-low', '1m', '--cgroup-conf', 'memory.high=2097152'], wanted), ['1048576', '2097152'])
    })

    test('--cpus, --cpu-quota, --cpu-period, --cpu-shares', async () => {
      const quota = v2
        ? ([['', 'cpu.max']] as const)
        : ([
            ['cpu/cpu.cfs_quota_us', ''],
            ['cpu/cpu.cfs_period_us', ''],
          ] as const)
      assert.equal((await files(['--cpus', '0.75'], quota)).join(' '), '75000 100000')
      assert.equal((await files(['--cpu-quota', '5000', '--cpu-period', '20000'], quota)).join(' '), '5000 20000')
      assert.deepEqual(await files(['-c', '2048'], [['cpu/cpu.shares', 'cpu.weight']]), [v2 ? '170' : '2048'])
    })

    test('--cpuset-cpus, --cpuset-mems, --pids-limit', async () => {
      const wanted = [
        ['cpuset/cpuset.cpus', 'cpuset.cpus'],
        ['cpuset/cpuset.mems', 'cpuset.mems'],
        ['pids/pids.max', 'pids.max'],
      ] as const
      assert.deepEqual(await files(['--cpuset-cpus', '0', '--cpuset-mems', '0', '--pids-limit', '77'], wanted), ['0', '0', '77'])
      assert.deepEqual(await files([], wanted.slice(2)), ['2048'])
      assert.deepEqual(await files(['--pids-limit', '0'], wanted.slice(2)), ['max'])
    })

    test('--device-read-bps and its sisters', { skip: disk === undefined ? 'requires a disk' : false }, async () => {
      const { rdev } = statSync(`/dev/${disk}`)
      const number = `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xf_ff00)}`
      const flags = [
        '--device-read-bps',
        `/dev/${disk}:1m`,
        '--device-write-bps',
        `/dev/${disk}:2m`,
        '--device-read-iops',
        `/dev/${disk}:30`,
        '--device-write-iops',
        `/dev/${disk}:40`,
      ]
      if (v2) assert.deepEqual(await files(flags, [['', 'io.max']]), [`${number} rbps=1048576 wbps=2097152 riops=30 wiops=40`])
      else {
        const names = ['read_bps', 'write_bps', 'read_iops', 'write_iops'].map(
          (name) => [`blkio/blkio.throttle.${name}_device`, ''] as const,
        )
        assert.deepEqual(await files(flags, names), [`${number} 1048576`, `${number} 2097152`, `${number} 30`, `${number} 40`])
      }
      assert.match(await fails(['--device-read-bps', '/dev/null:1m']), /\/dev\/null: is no block device/)
      assert.match(await fails(['--blkio-weight-device', '/dev/nothing:100']), /\/dev\/nothing: there is no such device/)
    })

    test('--blkio-weight and real-time limits are the kernel’s, or named with what is missing', async () => {
      const weight = await wherry.run(['run', '--rm', '--network', 'none', '--blkio-weight', '300', IMAGE, 'true'])
      assert.ok(weight.status === 0 || /blkio\.(bfq\.)?weight|io\.(bfq\.)?weight/.test(weight.stderr), weight.stderr)
      const realtime = await wherry.run([
        'run',
        '--rm',
        '--network',
        'none',
        '--cpu-rt-period',
        '100000',
        '--cpu-rt-runtime',
        '1000',
        IMAGE,
        'true',
      ])
      assert.ok(realtime.status === 0 || /cpu\.rt_|realtime/.test(realtime.stderr), realtime.stderr)
    })

    test('--hugetlb', async () => {
      const large = await wherry.run(['run', '--rm', '--network', 'none', '--hugetlb', '2MB=4m', IMAGE, 'true'])
      assert.ok(large.status === 0 || /hugetlb/.test(large.stderr), large.stderr)
    })

    test('--cgroup-parent', async () => {
      const parent = `/wherry-test-parent-${process.pid}`
      const own = await shell(['--cgroup-parent', parent, '--cgroupns', 'host'], 'cat /proc/self/cgroup')
      assert.match(own, new RegExp(`:${parent}/[0-9a-f]{64}$`, 'm'))
      for (const { mountPoint } of layout().hierarchies.values())
        if (existsSync(`${mountPoint}${parent}`)) (await import('node:fs')).rmdirSync(`${mountPoint}${parent}`)
    })

    test('the container sees its own cgroup, and cannot change it', { skip: v2 ? 'on v2 nsdelegate decides' : false }, async () => {
      const script =
        'cat /proc/self/cgroup | cut -d: -f3 | sort -u; echo 5 > /sys/fs/cgroup/pids/pids.max || echo refused; echo x > /sys/fs/cgroup/memory/release_agent || echo refused'
      assert.equal(await shell([], `(${script}) 2>/dev/null`), '/\nrefused\nrefused')
    })
  })

  test('--sysctl, and what everybody has', async () => {
    const names = [
      'net.ipv4.ip_forward',
      'net.ipv4.ip_unprivileged_port_start',
      'net.ipv4.ping_group_range',
      'kernel.msgmax',
      'fs.mqueue.msg_max',
    ]
    const script = names.map((name) => `cat /proc/sys/${name.replaceAll('.', '/')}`).join(';')
    const flags = ['--sysctl', 'net.ipv4.ip_forward=1', '--sysctl', 'kernel.msgmax=1234', '--sysctl', 'fs.mqueue.msg_max=5']
    assert.deepEqual((await shell(flags, script)).split('\n'), ['1', '0', '0\t2147483647', '1234', '5'])
    assert.match(await fails(['--sysctl', 'kernel.panic=1']), /is not in a separate kernel namespace/)
  })

  describe('devices', () => {
    test('--device with another name and less access', async () => {
      const said = await shell(['--device', '/dev/zero:/dev/nothing:r'], 'head -c 3 /dev/nothing | wc -c; stat -c "%t:%T" /dev/nothing')
      assert.equal(said, '3\n1:5')
      assert.equal(await shell(['--userns', 'auto', '--device', '/dev/zero:/dev/nothing'], 'head -c 3 /dev/nothing | wc -c'), '3')
      assert.match(await fails(['--device', '/dev/not-there']), /--device: \/dev\/not-there does not exist on this machine/)
      assert.match(await fails(['--device', '/etc/passwd']), /--device: \/etc\/passwd is no device: use --volume/)
    })

    test('--device of a folder', { skip: existsSync('/dev/net/tun') ? false : 'requires /dev/net/tun' }, async () => {
      assert.equal(await shell(['--device', '/dev/net'], 'ls -l /dev/net/tun | cut -c 1'), 'c')
    })

    test('--device-cgroup-rule and --device decide what may be opened', {
      skip: disk === undefined ? 'requires a disk' : false,
    }, async () => {
      const { rdev } = statSync(`/dev/${disk}`)
      const [major, minor] = [(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xf_ff00)]
      const open = `mknod /disk b ${major} ${minor} && dd if=/disk of=/dev/null bs=512 count=1 2>/dev/null && echo read || echo refused`
      assert.equal(await shell([], open), 'refused')
      assert.equal(await shell(['--device-cgroup-rule', `b ${major}:${minor} r`], open), 'read')
      assert.equal(
        await shell(
          ['--device', `/dev/${disk}:/disk2:r`],
          'dd if=/disk2 of=/dev/null bs=512 count=1 2>/dev/null && echo read; echo x > /disk2 || echo refused',
        ),
        'read\nrefused',
      )
    })
  })
})
