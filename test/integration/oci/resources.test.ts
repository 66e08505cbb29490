/** linux.resources on v1, v2 and hybrid: what the kernel has, read back from the host and from inside. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { test } from 'node:test'
import { layout } from '../../../runtime/cgroups/layout.ts'
import { type Bundle, bundle } from '../../support/bundle.ts'
import { CGROUP, SYS } from '../../support/config.ts'
import { requiresController, requiresFile } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { MARK, wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

type Context = Parameters<typeof bundle>[0]

const limited = (t: Context, resources: Record<string, unknown>): Bundle =>
  bundle(t, ({ linux, mounts }) => {
    linux.resources = resources
    mounts.push(structuredClone(SYS), structuredClone(CGROUP))
  })

/** Where the hierarchy of a controller is seen inside. */
const inside = (controller: string): string => layout().hierarchies.get(controller)?.mountPoint ?? '/sys/fs/cgroup'

const isV1 = (controller: string): boolean => layout().hierarchies.has(controller)

/** A file of the container's cgroup, from inside and outside alike. */
const read = async (box: Bundle, controller: string, v1: string, v2: string): Promise<string> => {
  const outside = box.limit(controller, v1, v2)
  const name = isV1(controller) ? `${controller}.${v1}` : `${controller === 'blkio' ? 'io' : controller}.${v2}`
  assert.equal(await box.inside(`cat ${inside(controller)}/${name}`), outside, `${name} inside`)
  return outside
}

const MiB = 2 ** 20

test('memory: limit, reservation and swap', { skip: skip || requiresController('memory') }, async (t) => {
  const box = limited(t, { memory: { limit: 64 * MiB, reservation: 32 * MiB } })
  await box.up()
  assert.equal(await read(box, 'memory', 'limit_in_bytes', 'max'), String(64 * MiB))
  assert.equal(await read(box, 'memory', 'soft_limit_in_bytes', 'low'), String(32 * MiB))
})

test('memory: swap', { skip: skip || requiresController('memory') || swapFile() }, async (t) => {
  const box = limited(t, { memory: { limit: 64 * MiB, swap: 96 * MiB } })
  await box.up()
  assert.equal(await read(box, 'memory', 'memsw.limit_in_bytes', 'swap.max'), String((isV1('memory') ? 96 : 32) * MiB))
})

test('memory: swappiness and the OOM killer, which v1 alone has', { skip: skip || requires('cgroup_v1') }, async (t) => {
  const box = limited(t, { memory: { limit: 64 * MiB, swappiness: 17, disableOOMKiller: true } })
  await box.up()
  assert.equal(await read(box, 'memory', 'swappiness', ''), '17')
  assert.match(await read(box, 'memory', 'oom_control', ''), /^oom_kill_disable 1$/m)
})

test('memory: who takes more is killed', { skip: skip || requiresController('memory') }, async (t) => {
  const box = limited(t, { memory: { limit: 24 * MiB, swap: 24 * MiB } })
  const result = await box.run(['sh', '-c', '(head -c 200000000 /dev/zero | tail -c 150000000 | wc -c) 2>/dev/null; echo survived'])
  assert.doesNotMatch(result.stdout, /150000000/)
})

test('cpu: shares, quota, period and burst', { skip: skip || requiresController('cpu') }, async (t) => {
  const box = limited(t, { cpu: { shares: 512, quota: 50_000, period: 200_000, burst: 10_000 } })
  await box.up()
  if (isV1('cpu')) {
    assert.equal(await read(box, 'cpu', 'shares', ''), '512')
    assert.equal(await read(box, 'cpu', 'cfs_quota_us', ''), '50000')
    assert.equal(await read(box, 'cpu', 'cfs_period_us', ''), '200000')
  } else {
    assert.equal(await read(box, 'cpu', '', 'weight'), '59')
    assert.equal(await read(box, 'cpu', '', 'max'), '50000 200000')
  }
  assert.equal(await read(box, 'cpu', 'cfs_burst_us', 'max.burst'), '10000')
})

test('cpu: idle, and no quota', {
  skip: skip || requiresController('cpu') || requiresFile(isV1('cpu') ? '/sys/fs/cgroup/cpu/cpu.idle' : '/sys/fs/cgroup'),
}, async (t) => {
  const box = limited(t, { cpu: { idle: 1, quota: -1 } })
  await box.up()
  assert.equal(await read(box, 'cpu', 'idle', 'idle'), '1')
  assert.match(await read(box, 'cpu', 'cfs_quota_us', 'max'), /^(-1|max 100000)$/)
})

test('cpuset: cpus and mems', { skip: skip || requiresController('cpuset') }, async (t) => {
  const box = limited(t, { cpu: { cpus: '0', mems: '0' } })
  await box.up()
  assert.equal(await read(box, 'cpuset', 'cpus', 'cpus'), '0')
  assert.equal(await read(box, 'cpuset', 'mems', 'mems'), '0')
  assert.equal(await box.inside('nproc; grep Cpus_allowed_list /proc/1/status'), '1\nCpus_allowed_list:\t0')
})

test('pids: limit, -1 and what it does', { skip: skip || requiresController('pids') }, async (t) => {
  const box = limited(t, { pids: { limit: 7 } })
  await box.up()
  assert.equal(await read(box, 'pids', 'max', 'max'), '7')
  const result = await box.exec(['sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done'])
  assert.match(result.stderr, /can't fork: Resource temporarily unavailable/)
  const unlimited = limited(t, { pids: { limit: -1 } })
  await unlimited.up()
  assert.equal(await read(unlimited, 'pids', 'max', 'max'), 'max')
})

/** A disk of this machine, whose throttles can be set. */
const disk = (): { major: number; minor: number } | undefined => {
  const name = readdirSync('/sys/block').find((one) => /^(vd|sd|nvme|xvd)/.test(one))
  const [major, minor] = name === undefined ? [] : readFileSync(`/sys/block/${name}/dev`, 'utf8').trim().split(':').map(Number)
  return major === undefined || minor === undefined ? undefined : { major, minor }
}

test('blockIO: throttles', {
  skip: skip || requiresController(layout().kind === 'v2' ? 'io' : 'blkio') || (disk() ? false : 'requires a disk'),
}, async (t) => {
  const device = disk()!
  const key = `${device.major}:${device.minor}`
  const box = limited(t, {
    blockIO: {
      throttleReadBpsDevice: [{ ...device, rate: 10_485_760 }],
      throttleWriteBpsDevice: [{ ...device, rate: 20_971_520 }],
      throttleReadIOPSDevice: [{ ...device, rate: 300 }],
      throttleWriteIOPSDevice: [{ ...device, rate: 400 }],
    },
  })
  await box.up()
  if (isV1('blkio')) {
    assert.equal(await read(box, 'blkio', 'throttle.read_bps_device', ''), `${key} 10485760`)
    assert.equal(await read(box, 'blkio', 'throttle.write_bps_device', ''), `${key} 20971520`)
    assert.equal(await read(box, 'blkio', 'throttle.read_iops_device', ''), `${key} 300`)
    assert.equal(await read(box, 'blkio', 'throttle.write_iops_device', ''), `${key} 400`)
  } else assert.equal(await read(box, 'io', '', 'max'), `${key} rbps=10485760 wbps=20971520 riops=300 wiops=400`)
})

/** Whether cgroups have weights of block devices: a matter of schedulers that the kernel may lack. The root has none, hence a cgroup to look at. */
const hasWeights = (): boolean => {
  const hierarchy = layout().hierarchies.get('blkio') ?? layout().hierarchies.get('')
  if (hierarchy === undefined || skip !== false) return false
  const folder = `${hierarchy.mountPoint}/${MARK}-probe`
  mkdirSync(folder)
  try {
    return readdirSync(folder).some((name) => /^(blkio|io)\.(bfq\.)?weight$/.test(name))
  } finally {
    rmdirSync(folder)
  }
}

test('blockIO: weight', { skip: skip || (hasWeights() ? false : 'requires a kernel with weights of blkio') }, async (t) => {
  const box = limited(t, { blockIO: { weight: 123 } })
  await box.up()
  const folder = box.cgroup(isV1('blkio') ? 'blkio' : 'io')
  const file = readdirSync(folder).find((name) => /^(blkio|io)\.(bfq\.)?weight$/.test(name))
  assert.match(readFileSync(`${folder}/${file}`, 'utf8'), /123|1142/)
})

test('hugepageLimits', {
  skip:
    skip ||
    requiresController('hugetlb') ||
    (isV1('hugetlb') || layout().kind === 'v2' ? false : wherryOnly('controllers of v2 beside v1')),
}, async (t) => {
  const box = limited(t, { hugepageLimits: [{ pageSize: '2MB', limit: 4 * MiB }] })
  await box.up()
  const folder = box.cgroup('hugetlb')
  const suffix = isV1('hugetlb') ? 'limit_in_bytes' : 'max'
  assert.equal(readFileSync(`${folder}/hugetlb.2MB.${suffix}`, 'utf8').trim(), String(4 * MiB))
  assert.equal(readFileSync(`${folder}/hugetlb.2MB.rsvd.${suffix}`, 'utf8').trim(), String(4 * MiB))
})

test('unified: files of v2 by their names', { skip: skip || requires('cgroup_v2') }, async (t) => {
  const box = limited(t, { unified: { 'memory.high': String(48 * MiB), 'pids.max': '99', 'cpu.weight': '42' } })
  await box.up()
  assert.equal(await read(box, 'memory', '', 'high'), String(48 * MiB))
  assert.equal(await read(box, 'pids', '', 'max'), '99')
  assert.equal(await read(box, 'cpu', '', 'weight'), '42')
})

test('unified is refused on v1', { skip: skip || requires('cgroup_v1') }, async (t) => {
  await limited(t, { unified: { 'memory.high': '1000000' } }).refused(/linux\.resources\.unified.*invalid configuration.*cgroup v1/)
})

test('a value that the kernel refuses is named, and nothing is left', {
  skip: skip || requiresController('cpuset', 'memory'),
}, async (t) => {
  await limited(t, { cpu: { cpus: '4000' } }).refused(/linux\.resources\.cpu\.cpus.*(invalid argument|numerical result|out of range)/i)
  await limited(t, { memory: { limit: 4096 } }).refused(/memory/)
})

test('limits of a controller that the machine lacks are refused', {
  skip: skip || (requiresController('rdma') ? false : 'requires a machine without the controller rdma'),
}, async (t) => {
  await limited(t, { rdma: { mlx5_1: { hcaHandles: 3 } } }).refused(/linux\.resources\.rdma.*rdma controller/)
})

/** Swap is not counted by every kernel. */
function swapFile(): false | string {
  if (isV1('memory')) return requiresFile('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes')
  return existsSync('/proc/swaps') && /swap/.test(readFileSync('/proc/swaps', 'utf8').split('\n').slice(1).join()) ? false : 'requires swap'
}
