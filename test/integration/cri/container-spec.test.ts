/** What a ContainerConfig makes of a container, as it sees that itself. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { after, before, test } from 'node:test'
import { MountPropagation, NamespaceMode, SecurityProfile_ProfileType, Signal, SupplementalGroupsPolicy } from '../../../cri/api/api_pb.js'
import { putBusybox } from '../../support/cri/images.ts'
import { Spy } from '../../support/cri/cni.ts'
import { endServer, refused, TestPod } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
const IMAGE = 'registry.test/configured:1'
let server: TestServer
let pod: TestPod
before(async () => {
  if (skip) return
  server = await TestServer.open()
  await putBusybox(server.store, IMAGE, {
    config: {
      Env: ['FROM_IMAGE=1', 'PATH=/bin:/usr/bin'],
      Entrypoint: ['sh', '-c'],
      Cmd: ['exec sleep 1000'],
      WorkingDir: '/made/by/image',
      User: 'alice',
      Volumes: { '/data': {} },
      StopSignal: 'SIGINT',
    },
  })
  new Spy(server).configure()
  pod = await TestPod.run(server)
})
after(() => endServer(server))

const INVALID = 3

const lines = (text: string): string[] => text.trim().split('\n')

test('the image’s command, environment, working directory, user and stop signal, and the config’s over them', { skip }, async () => {
  const image = { image: IMAGE }
  const own = await pod.start('', { image, command: [] })
  assert.deepEqual(lines((await pod.exec(own, 'pwd; id -u; echo $FROM_IMAGE $HOSTNAME $HOME')).stdout), [
    '/made/by/image',
    '1000',
    `1 ${hostname()} /home/alice`,
  ])
  const status = await pod.status(own)
  assert.equal(status.stopSignal, Signal.SIGINT)
  assert.deepEqual(status.user?.linux?.supplementalGroups, [1000n, 10n, 50000n])
  const other = await pod.start('', {
    image,
    command: ['sleep'],
    args: ['1000'],
    workingDir: '/not/there/yet',
    envs: [
      { key: 'FROM_IMAGE', value: Buffer.from('2') },
      { key: 'TEXT', value: Buffer.from('ünï=c o\ndé') },
    ],
    stopSignal: Signal.SIGRTMINPLUS2,
  })
  assert.equal(
    (await pod.exec(other, 'pwd; echo "$FROM_IMAGE$TEXT"; cat /proc/1/cmdline | tr "\\0" " "')).stdout,
    '/not/there/yet\n2ünï=c o\ndé\nsleep 1000 ',
  )
  assert.equal((await pod.status(other)).stopSignal, Signal.SIGRTMINPLUS2)
})

test('users and groups', { skip }, async () => {
  const as = (context: Parameters<TestPod['saysAs']>[1]) => pod.saysAs('id -u; id -g; id -G', context)
  const value = (number: bigint) => ({ value: number })
  assert.deepEqual(lines(await as({ runAsUser: value(1000n) })), ['1000', '1000', '1000 10 50000'])
  assert.deepEqual(lines(await as({ runAsUser: value(1000n), runAsGroup: value(42n) })), ['1000', '42', '42 10 50000'])
  assert.deepEqual(lines(await as({ runAsUsername: 'alice', supplementalGroups: [7n, 8n] })), ['1000', '1000', '1000 7 8 10 50000'])
  const strict = { supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict, supplementalGroups: [7n] }
  assert.deepEqual(lines(await as({ runAsUser: value(1000n), ...strict })), ['1000', '1000', '1000 7'])
  assert.deepEqual(lines(await as({ runAsUsername: '4242' })), ['4242', '0', '0'])
  const bad = async (context: object): Promise<string> => {
    const { code, details } = await refused(as(context))
    assert.equal(code, INVALID)
    return details
  }
  assert.match(await bad({ runAsGroup: value(1n) }), /config\.linux\.security_context\.run_as_group: /)
  assert.match(await bad({ runAsUser: value(-1n) }), /config\.linux\.security_context\.run_as_user: /)
  assert.match(await bad({ runAsUser: value(1n), supplementalGroups: [0n, 4294967295n] }), /supplemental_groups\[1\]: /)
})

test('capabilities', { skip }, async () => {
  const bounding = async (capabilities: object): Promise<bigint> =>
    BigInt(`0x${(await pod.saysAs("grep CapBnd /proc/self/status | tr -d 'CapBnd:\\t '", { capabilities })).trim()}`)
  const bit = (number: number): bigint => 1n << BigInt(number)
  const [NET_ADMIN, CHOWN] = [bit(12), bit(0)]
  const usual = await bounding({})
  assert.equal(usual & (NET_ADMIN | CHOWN), CHOWN)
  assert.equal(await bounding({ addCapabilities: ['NET_ADMIN'] }), usual | NET_ADMIN)
  assert.equal(await bounding({ dropCapabilities: ['ALL'] }), 0n)
  assert.equal(await bounding({ dropCapabilities: ['all'], addCapabilities: ['cap_net_admin'] }), NET_ADMIN)
  const all = await bounding({ addCapabilities: ['ALL'] })
  assert.equal(await bounding({ addCapabilities: ['ALL'], dropCapabilities: ['CHOWN'] }), all & ~CHOWN)
  const ambient = await pod.saysAs('grep CapEff /proc/self/status', {
    runAsUser: { value: 1000n },
    capabilities: { addAmbientCapabilities: ['NET_ADMIN'] },
  })
  assert.match(ambient, /0000000000001000$/m)
  const { code, details } = await refused(pod.saysAs('true', { capabilities: { addCapabilities: ['CHOWN', 'FLY'] } }))
  assert.equal(code, INVALID)
  assert.match(details, /capabilities\.add_capabilities\[1\]: "FLY"/)
})

test('mounts: of folders, files, links, missing ones; read-only ones, also recursively', { skip }, async () => {
  const folder = `${server.folder}/mounted`
  mkdirSync(folder)
  writeFileSync(`${folder}/file`, 'content')
  symlinkSync(folder, `${server.folder}/link`)
  const mounts = [
    { containerPath: '/m/rw', hostPath: folder },
    { containerPath: '/m/ro', hostPath: folder, readonly: true },
    { containerPath: '/m/rro', hostPath: folder, readonly: true, recursiveReadOnly: true },
    { containerPath: '/m/file', hostPath: `${folder}/file` },
    { containerPath: '/m/link', hostPath: `${server.folder}/link` },
    { containerPath: '/m/new', hostPath: `${server.folder}/made/for/it` },
    { containerPath: '/m/noexec', hostPath: folder, mountOptions: ['noexec', 'nosuid'] },
  ]
  const said = await pod.says(
    'cat /m/file /m/link/file; echo; echo x > /m/rw/written; for i in ro rro; do touch /m/$i/no 2>&1; done; grep " /m/noexec " /proc/self/mounts',
    { mounts },
  )
  assert.match(said, /^contentcontent\n/)
  assert.match(said, /\/m\/ro\/no: Read-only file system\n.*\/m\/rro\/no: Read-only file system/)
  assert.match(said, /nosuid.*noexec/)
  assert.equal(readFileSync(`${folder}/written`, 'utf8'), 'x\n')
  assert.ok(statSync(`${server.folder}/made/for/it`).isDirectory())
  const id = await pod.create('true', { mounts })
  assert.deepEqual(
    (await pod.status(id)).mounts.map(({ containerPath, hostPath, readonly }) => [containerPath, hostPath, readonly]),
    mounts.map(({ containerPath, hostPath, readonly = false }) => [containerPath, hostPath, readonly]),
  )
})

test('mounts that cannot be are refused with the field', { skip }, async () => {
  const host = server.folder
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ containerPath: 'relative', hostPath: host }, /^config\.mounts\[0\]\.container_path: must be absolute/],
    [{ containerPath: '/', hostPath: host }, /^config\.mounts\[0\]\.container_path: would cover/],
    [{ containerPath: '/a', hostPath: '' }, /^config\.mounts\[0\]\.host_path: must be absolute/],
    [{ containerPath: '/a', hostPath: host, recursiveReadOnly: true }, /^config\.mounts\[0\]\.recursive_read_only: needs readonly/],
    [
      {
        containerPath: '/a',
        hostPath: host,
        readonly: true,
        recursiveReadOnly: true,
        propagation: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
      },
      /^config\.mounts\[0\]\.recursive_read_only: needs PROPAGATION_PRIVATE/,
    ],
    [{ containerPath: '/a', hostPath: host, mountOptions: ['nosuid', 'remount'] }, /^config\.mounts\[0\]\.mount_options\[1\]: /],
    [
      { containerPath: '/a', hostPath: host, uidMappings: [{ hostId: 0, containerId: 0, length: 1 }] },
      /^config\.mounts\[0\]\.gidMappings: /,
    ],
    [{ containerPath: '/a', hostPath: host, image: { image: IMAGE }, readonly: true }, /^config\.mounts\[0\]\.host_path: must be empty/],
    [{ containerPath: '/a', hostPath: `${host}/wherry.toml/x/y` }, /^$|^config\.mounts\[0\]\.host_path: cannot be made|/],
  ]
  for (const [mount, expected] of cases.slice(0, -1)) {
    const { code, details } = await refused(pod.create('true', { mounts: [mount] }))
    assert.equal(code, INVALID)
    assert.match(details, expected)
  }
})

test('an image as a volume, and a folder of it', { skip }, async () => {
  const mounts = [
    { containerPath: '/volume', image: { image: IMAGE }, readonly: true },
    { containerPath: '/www', image: { image: IMAGE }, imageSubPath: 'www', readonly: true },
  ]
  assert.equal(
    await pod.says('cat /volume/www/index.html /www/index.html; touch /volume/x 2>&1 | grep -o "Read-only file system"', { mounts }),
    'hello from a pod\nhello from a pod\nRead-only file system\n',
  )
  const { image } = await server.client.imageStatus({ image: { image: IMAGE } })
  assert.deepEqual(
    (await pod.status(await pod.create('true', { mounts }))).mounts.map((mount) => mount.image?.imageRef),
    [image!.id, image!.id],
  )
  const { details } = await refused(pod.create('true', { mounts: [{ ...mounts[1]!, imageSubPath: '../../nowhere' }] }))
  assert.match(details, /config\.mounts\[0\]\.image_sub_path: ImageVolumeMountFailed: /)
  const missing = await refused(pod.create('true', { mounts: [{ ...mounts[0]!, image: { image: 'registry.test/none:1' } }] }))
  assert.equal(missing.code, 5)
})

test('a read-only root: what the image has as volumes can be written to', { skip }, async () => {
  const linux = { securityContext: { readonlyRootfs: true, runAsUser: { value: 0n } } }
  assert.equal(
    await pod.says(
      'touch /no 2>&1 | grep -o "Read-only"; echo y > /data/yes; cat /data/yes; touch /etc/hostname 2>&1 | grep -o "Read-only"',
      {
        image: { image: IMAGE },
        linux,
      } as never,
    ),
    'Read-only\ny\nRead-only\n',
  )
})

test('devices, and folders of devices', { skip }, async () => {
  const devices = [
    { containerPath: '/dev/nothing', hostPath: '/dev/null', permissions: 'rw' },
    { containerPath: '', hostPath: '/dev/zero', permissions: '' },
  ]
  assert.equal(await pod.says('echo x > /dev/nothing; stat -c "%t %T" /dev/nothing', { devices }), '1 3\n')
  const { code, details } = await refused(
    pod.create('true', { devices: [{ hostPath: '/dev/no-such', containerPath: '/dev/x', permissions: 'r' }] }),
  )
  assert.equal(code, INVALID)
  assert.match(details, /^config\.devices\[0\]\.host_path: /)
})

test('files of the pod: hostname, hosts, resolv.conf, shared memory', { skip }, async () => {
  const other = await TestPod.run(server, { dnsConfig: { servers: ['192.0.2.53'], searches: ['test.example'], options: ['ndots:3'] } })
  assert.match(await other.says('cat /etc/resolv.conf'), /search test\.example\nnameserver 192\.0\.2\.53\noptions ndots:3/)
  const one = await other.start('echo shared > /dev/shm/file; sleep 1000')
  assert.equal((await other.exec(one, 'while ! test -s /dev/shm/file; do sleep 0.05; done; cat /etc/hostname')).stdout, `${hostname()}\n`)
  assert.equal(await other.says('cat /dev/shm/file'), 'shared\n')
})

test('process ids: own, of the pod, of the node, of a target', { skip }, async () => {
  const inPid = (mode: NamespaceMode, targetId = '') => ({
    linux: { securityContext: { namespaceOptions: { network: NamespaceMode.NODE, pid: mode, targetId } } },
  })
  const target = await pod.start('exec sleep 1000', inPid(NamespaceMode.CONTAINER) as never)
  assert.equal((await pod.exec(target, 'cat /proc/1/comm')).stdout, 'sleep\n')
  assert.equal(await pod.says('cat /proc/1/comm', inPid(NamespaceMode.TARGET, target) as never), 'sleep\n')
  assert.equal(await pod.says('cat /proc/1/comm', inPid(NamespaceMode.NODE) as never), readFileSync('/proc/1/comm', 'utf8'))
  assert.equal(await pod.says('cat /proc/1/comm', inPid(NamespaceMode.POD) as never), 'wherry:holder\n')
  const { details } = await refused(pod.create('true', inPid(NamespaceMode.TARGET, 'f'.repeat(64)) as never))
  assert.match(details, /namespace_options\.target_id/)
})

test('seccomp: the default, none, a profile of the node, one that is missing', { skip }, async () => {
  const as = (profileType: SecurityProfile_ProfileType, localhostRef = '') => ({ seccomp: { profileType, localhostRef } })
  const mode = 'grep Seccomp: /proc/self/status'
  assert.match(await pod.saysAs(mode, as(SecurityProfile_ProfileType.RuntimeDefault)), /\t2$/m)
  assert.match(await pod.saysAs(mode, as(SecurityProfile_ProfileType.Unconfined)), /\t0$/m)
  const file = `${server.folder}/profile.json`
  writeFileSync(
    file,
    JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] }),
  )
  assert.match(await pod.saysAs('mkdir /x 2>&1 || true', as(SecurityProfile_ProfileType.Localhost, file)), /Operation not permitted/)
  const missing = await refused(pod.saysAs('true', as(SecurityProfile_ProfileType.Localhost, `${file}.none`)))
  assert.equal(missing.code, INVALID)
  assert.match(missing.details, /^config\.linux\.security_context\.seccomp\.localhost_ref: .*ENOENT/)
  assert.match((await refused(pod.saysAs('true', as(SecurityProfile_ProfileType.Localhost)))).details, /localhost_ref: is empty/)
})

test('AppArmor on a kernel that has it not', { skip: existsSync('/sys/module/apparmor') ? 'this kernel has AppArmor' : skip }, async () => {
  const as = (profileType: SecurityProfile_ProfileType, localhostRef = '') => ({ apparmor: { profileType, localhostRef } })
  await pod.saysAs('true', as(SecurityProfile_ProfileType.Unconfined))
  const { code, details } = await refused(pod.saysAs('true', as(SecurityProfile_ProfileType.Localhost, 'mine')))
  assert.equal(code, INVALID)
  assert.match(details, /apparmor is not supported/)
})

test('masked and read-only paths, no_new_privs, oom_score_adj', { skip }, async () => {
  const masked = await pod.saysAs('head -c 1 /proc/kcore | wc -c; touch /proc/sys/kernel/domainname 2>&1 || true', {
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
  })
  assert.match(masked, /^0\n.*Read-only/)
  assert.match(await pod.saysAs('grep NoNewPrivs /proc/self/status', { noNewPrivs: true }), /1$/m)
  assert.match(await pod.saysAs('grep NoNewPrivs /proc/self/status', {}), /0$/m)
  assert.equal(await pod.says('cat /proc/1/oom_score_adj', { linux: { resources: { oomScoreAdj: 500n } } } as never), '500\n')
  const least = readFileSync('/proc/self/oom_score_adj', 'utf8')
  assert.equal(await pod.says('cat /proc/1/oom_score_adj', { linux: { resources: { oomScoreAdj: -1000n } } } as never), least)
  const { details } = await refused(pod.create('true', { linux: { resources: { oomScoreAdj: 1001n } } } as never))
  assert.match(details, /^config\.linux\.resources\.oom_score_adj: must be from -1000 to 1000/)
})

test('privileged containers, in privileged pods only', { skip }, async () => {
  const { details } = await refused(pod.saysAs('true', { privileged: true }))
  assert.match(details, /config\.linux\.security_context\.privileged: /)
  const other = await TestPod.run(server, {
    linux: { securityContext: { privileged: true, namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER } } },
  } as never)
  const said = await other.saysAs('grep " /sys " /proc/self/mounts; grep Seccomp: /proc/self/status; ls /dev | grep -c .', {
    privileged: true,
    seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
  })
  assert.match(said, /sysfs rw,/)
  assert.match(said, /Seccomp:\t0/)
})

test('a user namespace of the pod', { skip }, async () => {
  const ids = [{ hostId: 200_000, containerId: 0, length: 65_536 }]
  const namespaceOptions = {
    network: NamespaceMode.POD,
    pid: NamespaceMode.CONTAINER,
    usernsOptions: { mode: NamespaceMode.POD, uids: ids, gids: ids },
  }
  const folder = `${server.folder}/mapped`
  mkdirSync(folder)
  const other = await TestPod.run(server, { linux: { securityContext: { namespaceOptions } } } as never)
  const said = await other.says('cat /proc/self/uid_map; stat -c %u /bin/busybox /etc/hosts /m; touch /m/made', {
    mounts: [{ containerPath: '/m', hostPath: folder, uidMappings: ids, gidMappings: ids }],
    linux: { securityContext: { namespaceOptions } },
  } as never)
  assert.match(said, /^\s+0\s+200000\s+65536\n0\n0\n0\n$/)
  assert.equal(statSync(`${folder}/made`).uid, 0)
})

test('mounts that are passed on, in either direction', { skip }, async (t) => {
  const folder = `${server.folder}/shared`
  for (const name of ['', '/from-node', '/from-container']) mkdirSync(`${folder}${name}`)
  const mountAt = (path: string): void => {
    execFileSync('mount', ['-t', 'tmpfs', 'wherry-test', path])
  }
  mountAt(folder)
  t.after(() => execFileSync('umount', ['-R', '-l', folder]))
  execFileSync('mount', ['--make-private', folder])
  const mount = (propagation: MountPropagation) => [{ containerPath: '/shared', hostPath: folder, propagation }]
  for (const propagation of [MountPropagation.PROPAGATION_BIDIRECTIONAL, MountPropagation.PROPAGATION_HOST_TO_CONTAINER]) {
    const { code, details } = await refused(pod.create('true', { mounts: mount(propagation) }))
    assert.equal(code, INVALID)
    assert.match(details, /^config\.mounts\[0\]\.propagation: .*shared mount/)
  }
  execFileSync('mount', ['--make-shared', folder])
  for (const name of ['from-node', 'from-container']) mkdirSync(`${folder}/${name}`)
  const privileged = { linux: { securityContext: { privileged: true } } } as never
  const other = await TestPod.run(server, {
    linux: { securityContext: { privileged: true, namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER } } },
  } as never)
  const start = (propagation: MountPropagation) => other.start('exec sleep 1000', { mounts: mount(propagation), ...(privileged as object) })
  const both = await start(MountPropagation.PROPAGATION_BIDIRECTIONAL)
  const slave = await start(MountPropagation.PROPAGATION_HOST_TO_CONTAINER)
  const alone = await start(MountPropagation.PROPAGATION_PRIVATE)
  mountAt(`${folder}/from-node`)
  writeFileSync(`${folder}/from-node/x`, '')
  const sees = async (id: string, path: string) => (await other.exec(id, `test -e /shared/${path}`)).exitCode === 0
  assert.deepEqual(
    [await sees(both, 'from-node/x'), await sees(slave, 'from-node/x'), await sees(alone, 'from-node/x')],
    [true, true, false],
  )
  const { exitCode, stderr } = await other.exec(both, 'mount -t tmpfs t /shared/from-container && touch /shared/from-container/x')
  assert.equal(exitCode, 0, stderr)
  assert.ok(existsSync(`${folder}/from-container/x`))
  assert.deepEqual([await sees(slave, 'from-container/x'), await sees(alone, 'from-container/x')], [true, false])
  assert.equal((await other.exec(slave, 'mount -t tmpfs t /shared/from-node && touch /shared/from-node/y')).exitCode, 0)
  assert.ok(!existsSync(`${folder}/from-node/y`))
})

test('annotations of containers reach neither the engine nor systemd', { skip }, async () => {
  const containerId = await pod.create('true', { annotations: { 'org.systemd.property.ExecStart': "['/bin/true']", note: 'x' } })
  const { info } = await server.client.containerStatus({ containerId, verbose: true })
  const { runtimeSpec } = JSON.parse(info['info']!) as { runtimeSpec: { annotations: object } }
  assert.deepEqual(
    Object.keys(runtimeSpec.annotations).filter((key) => !key.startsWith('io.kubernetes.cri.')),
    [],
  )
})

test('configs that cannot be are refused with the field', { skip }, async () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ metadata: { name: '', attempt: 0 } }, /^config\.metadata\.name: /],
    [{ image: { image: '' } }, /^config\.image\.image: /],
    [{ workingDir: 'relative' }, /^config\.working_dir: /],
    [{ envs: [{ key: 'A=B', value: Buffer.from('x') }] }, /^config\.envs\[0\]\.key: /],
    [{ envs: [{ key: 'A', value: Buffer.from([0xff, 0xfe]) }] }, /^config\.envs\[0\]\.value: /],
    [{ logPath: '../../etc/cron.d/x' }, /^config\.log_path: /],
    [{ devices: [{ hostPath: '/dev/null', containerPath: '/dev/n', permissions: 'x' }] }, /^config\.devices\[0\]\.permissions: /],
    [{ linux: { resources: { cpuPeriod: -1n } } }, /^config\.linux\.resources\.cpu_period: /],
    [
      { linux: { resources: { hugepageLimits: [{ pageSize: '../x', limit: 1n }] } } },
      /^config\.linux\.resources\.hugepage_limits\[0\]\.page_size: /,
    ],
    [{ CDIDevices: [{ name: 'nonsense' }] }, /^config\.CDI_devices\[0\]\.name: /],
    [{ CDIDevices: [{ name: 'vendor.test/none=0' }] }, /^config\.CDI_devices\[0\]\.name: unresolvable CDI device/],
  ]
  for (const [more, expected] of cases) {
    const { code, details } = await refused(pod.create('true', more))
    assert.match(details, expected)
    assert.equal(code, INVALID)
  }
})
