/** Configs of the shape that podman, containerd and the runtime-tools write. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSpec } from '../../../runtime/spec/parse.ts'
import type { Spec } from '../../../runtime/spec/types.ts'

const parse = (config: unknown): Spec => parseSpec(config, '/bundle', assert.fail)

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const PROC = { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] }
const DEVPTS = {
  destination: '/dev/pts',
  type: 'devpts',
  source: 'devpts',
  options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
}

test("podman's: user namespace, read-only, limits, a device, seccomp", () => {
  const spec = parse({
    ociVersion: '1.0.2-dev',
    process: {
      user: { uid: 0, gid: 0, umask: 18, additionalGids: [10] },
      args: ['true'],
      env: [PATH, 'TERM=xterm', 'HOME=/root', 'HOSTNAME=cb0ac0f32df9'],
      cwd: '/',
      capabilities: {},
      rlimits: [
        { type: 'RLIMIT_NOFILE', hard: 200, soft: 100 },
        { type: 'RLIMIT_NPROC', hard: 1048576, soft: 1048576 },
      ],
    },
    root: { path: '/var/lib/containers/storage/overlay/1/merged', readonly: true },
    hostname: 'cb0ac0f32df9',
    mounts: [
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k'] },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['rw', 'rprivate', 'nosuid', 'nodev', 'tmpcopyup'] },
      { destination: '/data', type: 'bind', source: '/srv', options: ['ro', 'rprivate', 'rbind'] },
      PROC,
      DEVPTS,
      { destination: '/etc/hosts', type: 'bind', source: '/run/hosts', options: ['bind', 'rprivate', 'ro', 'nosuid', 'noexec', 'nodev'] },
      {
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['rprivate', 'nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
      },
    ],
    annotations: { 'io.container.manager': 'libpod', 'org.opencontainers.image.stopSignal': '15' },
    linux: {
      uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
      gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
      sysctl: { 'net.ipv4.ping_group_range': '0 0' },
      resources: {
        devices: [{ allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' }],
        memory: { limit: 67108864, swap: 134217728 },
        pids: { limit: 50 },
      },
      cgroupsPath: '/libpod_parent/libpod-cb0ac0f32df9',
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'user'].map((type) => ({ type })),
      devices: [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 8576, uid: 0, gid: 0 }],
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        defaultErrnoRet: 38,
        architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
        syscalls: [
          { names: ['kexec_load', 'uselib'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 },
          { names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' },
          { names: ['personality'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 4294967295, op: 'SCMP_CMP_EQ' }] },
          {
            names: ['socket'],
            action: 'SCMP_ACT_ALLOW',
            args: [{ index: 0, value: 2080505856, valueTwo: 16, op: 'SCMP_CMP_MASKED_EQ' }],
          },
        ],
      },
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/bus'],
    },
  })
  assert.equal(spec.linux.devices?.[0]?.fileMode, 0o600)
  assert.equal(spec.linux.resources?.memory?.limit, 67108864n)
  assert.equal(spec.linux.seccomp?.syscalls?.[2]?.args?.[0]?.value, 4294967295n)
})

test("containerd's for Kubernetes: namespaces of the sandbox by path, systemd cgroup, defaults of the CRI", () => {
  const spec = parse({
    ociVersion: '1.1.0',
    process: {
      user: { uid: 65535, gid: 65535, additionalGids: [65535, 2000] },
      args: ['/pause'],
      env: [PATH, 'HOSTNAME=pod'],
      cwd: '/',
      capabilities: { bounding: ['CAP_CHOWN', 'CAP_KILL'], effective: ['CAP_CHOWN', 'CAP_KILL'], permitted: ['CAP_CHOWN', 'CAP_KILL'] },
      noNewPrivileges: true,
      apparmorProfile: 'cri-containerd.apparmor.d',
      oomScoreAdj: -997,
    },
    root: { path: 'rootfs' },
    mounts: [
      { ...PROC, options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
      DEVPTS,
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      { destination: '/etc/hosts', type: 'bind', source: '/var/lib/kubelet/pods/1/etc-hosts', options: ['rbind', 'rprivate', 'rw'] },
    ],
    annotations: { 'io.kubernetes.cri.container-type': 'container', 'io.kubernetes.cri.sandbox-cpu-quota': '0' },
    linux: {
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        memory: {},
        cpu: { shares: 2, quota: 0, period: 100000 },
        unified: {},
      },
      cgroupsPath: 'kubepods-besteffort-pod1.slice:cri-containerd:5f0c',
      namespaces: [
        { type: 'pid' },
        { type: 'ipc', path: '/proc/99/ns/ipc' },
        { type: 'uts', path: '/proc/99/ns/uts' },
        { type: 'mount' },
        { type: 'network', path: '/var/run/netns/cni-1' },
        { type: 'cgroup' },
      ],
      maskedPaths: ['/proc/acpi', '/proc/asound'],
      readonlyPaths: ['/proc/bus'],
    },
  })
  assert.equal(spec.linux.resources?.cpu?.quota, undefined)
  assert.equal(spec.root.path, '/bundle/rootfs')
})

test("the runtime-tools' generator's: ambient capabilities, relative cgroup path", () => {
  const names = ['CAP_CHOWN', 'CAP_SETPCAP', 'CAP_AUDIT_WRITE']
  parse({
    ociVersion: '1.3.0',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: [PATH, 'TERM=xterm'],
      cwd: '/',
      capabilities: { bounding: names, effective: names, inheritable: names, permitted: names, ambient: names },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
    },
    root: { path: 'rootfs' },
    hostname: 'mrsdalloway',
    mounts: [PROC, DEVPTS],
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }], blockIO: { weight: 500, leafWeight: 300 } },
      cgroupsPath: 'testdir/cgrouptest/container',
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64'],
        syscalls: [{ names: ['getcwd'], action: 'SCMP_ACT_ERRNO' }],
      },
    },
  })
})
