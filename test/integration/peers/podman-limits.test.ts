/** podman's resource limits with our runtime, as the kernel has them and as the process sees them. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { has, requires } from '../../support/requires.ts'
import { Podman } from './podman.ts'

describe('podman: limits', { skip: requires('root', 'podman', 'busybox') }, () => {
  let podman: Podman
  before(async () => {
    podman = await Podman.open()
  })
  after(() => podman?.close())

  const limits: readonly { option: string; v1: string; v2: string; is: string; isV2?: string }[] = [
    { option: '--memory=64m', v1: 'memory/memory.limit_in_bytes', v2: 'memory.max', is: '67108864' },
    { option: '--memory-reservation=32m', v1: 'memory/memory.soft_limit_in_bytes', v2: 'memory.low', is: '33554432' },
    { option: '--pids-limit=17', v1: 'pids/pids.max', v2: 'pids.max', is: '17' },
    { option: '--pids-limit=-1', v1: 'pids/pids.max', v2: 'pids.max', is: 'max' },
    { option: '--cpus=0.5', v1: 'cpu/cpu.cfs_quota_us', v2: 'cpu.max', is: '50000', isV2: '50000 100000' },
    { option: '--cpu-shares=512', v1: 'cpu/cpu.shares', v2: 'cpu.weight', is: '512', isV2: '20' },
    { option: '--cpuset-cpus=0', v1: 'cpuset/cpuset.cpus', v2: 'cpuset.cpus', is: '0' },
    { option: '--cpuset-mems=0', v1: 'cpuset/cpuset.mems', v2: 'cpuset.mems', is: '0' },
  ]
  for (const { option, v1, v2, is, isV2 = is } of limits) {
    test(option, () => {
      const id = podman.background([option], 'sleep', '60')
      assert.equal(podman.limit(id, { v1, v2 }), has('cgroup_v2') ? isV2 : is)
      podman.remove(id)
    })
  }

  test('what exceeds --memory is ended', () => {
    const { status } = podman.container(['--memory=16m', '--memory-swap=16m'], 'tail', '/dev/zero')
    assert.equal(status, 137)
  })

  test('--pids-limit stops a process from forking on', () => {
    const { stderr } = podman.container(['--pids-limit=5'], 'sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait')
    assert.match(stderr, /can't fork: Resource temporarily unavailable/)
  })

  test('--ulimit', () => {
    const { stdout } = podman.container(
      ['--ulimit=nofile=123:456', '--ulimit=core=0', '--ulimit=nproc=1000:1000'],
      'sh',
      '-c',
      'ulimit -Sn; ulimit -Hn; ulimit -c',
    )
    assert.equal(stdout, '123\n456\n0\n')
  })

  test('--oom-score-adj', () => {
    assert.equal(podman.container(['--oom-score-adj=123'], 'cat', '/proc/self/oom_score_adj').stdout, '123\n')
  })

  test('--device-cgroup-rule and --device', () => {
    const script = 'mknod /tmp/kmsg c 1 11 && exec 3>>/tmp/kmsg && echo opened'
    assert.match(podman.container(['--cap-add=MKNOD'], 'sh', '-c', script).stderr, /Operation not permitted/)
    assert.equal(podman.container(['--cap-add=MKNOD', '--device-cgroup-rule=c 1:11 w'], 'sh', '-c', script).stdout, 'opened\n')
    const device = podman.container(
      ['--device=/dev/kmsg:/dev/writable:w'],
      'sh',
      '-c',
      'exec 3>>/dev/writable; echo opened; exec 4</dev/writable',
    )
    assert.equal(device.stdout, 'opened\n')
    assert.match(device.stderr, /Operation not permitted/)
  })
})
