/** docker's `HostConfig`: what was asked of the machine. */
import type { ContainerConfig } from './config.ts'
import type { DeviceRate, MountRequest, NamespaceRequest, NetworkRequest, UserNamespaceRequest } from './request.ts'

const number = (text: string | undefined): number => (text === undefined ? 0 : Number(text))

const bindOf = ({ source, target, readonly, options, propagation }: MountRequest): string => {
  const words = [...(readonly ? ['ro'] : ['rw']), ...options, ...(propagation === undefined ? [] : [propagation])]
  return `${source ?? ''}:${target}:${words.join(',')}`
}

const modeOf = ({ mode, container }: NamespaceRequest): string => (mode === 'container' ? `container:${container}` : mode)

const usernsOf = ({ mode, container }: UserNamespaceRequest): string =>
  mode === 'host' ? '' : mode === 'container' ? `container:${container}` : mode === 'mapping' ? 'private' : mode

const networkModeOf = ({ mode, container, names }: NetworkRequest): string =>
  mode === 'container' ? `container:${container}` : mode === 'networks' ? (names[0] ?? 'bridge') : mode

/** As they were asked for: what was chosen is in NetworkSettings. */
const bindings = ({ ports }: NetworkRequest): Record<string, { HostIp: string; HostPort: string }[]> => {
  const found = new Map<string, { HostIp: string; HostPort: string }[]>()
  for (const { protocol, host, hostPort, port } of ports) {
    const name = `${port}/${protocol}`
    found.set(name, [...(found.get(name) ?? []), { HostIp: host ?? '', HostPort: hostPort === undefined ? '' : String(hostPort) }])
  }
  return Object.fromEntries(found)
}

const rates = (list: readonly DeviceRate[] | undefined) => (list ?? []).map(({ path, rate }) => ({ Path: path, Rate: Number(rate) }))

export const inspectHostConfig = ({ request }: ContainerConfig) => {
  const { resources, security, network, restart, mounts } = request
  return {
    Binds: mounts.filter(({ type }) => type === 'bind' || type === 'volume').map(bindOf),
    ContainerIDFile: '',
    LogConfig: {
      Type: request.log.driver,
      Config: {
        'max-size': String(request.log.maxSize),
        'max-file': String(request.log.maxFiles),
        ...(request.log.tag === undefined ? {} : { tag: request.log.tag }),
      },
    },
    NetworkMode: networkModeOf(network),
    PortBindings: bindings(network),
    PublishAllPorts: network.publishAll,
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.maximum ?? 0 },
    AutoRemove: request.autoRemove,
    Annotations: request.annotations,
    CapAdd: security.capAdd,
    CapDrop: security.capDrop,
    CgroupnsMode: modeOf(request.cgroup),
    Dns: network.dns,
    DnsOptions: network.dnsOptions,
    DnsSearch: network.dnsSearch,
    ExtraHosts: network.hosts,
    GroupAdd: request.groups,
    IpcMode: modeOf(request.ipc),
    OomScoreAdj: request.oomScoreAdj ?? 0,
    PidMode: modeOf(request.pid),
    Privileged: security.privileged,
    ReadonlyRootfs: request.readonly,
    SecurityOpt: [
      ...(security.noNewPrivileges ? ['no-new-privileges'] : []),
      ...(security.seccomp === undefined
        ? []
        : [`seccomp=${security.seccomp.mode === 'unconfined' ? 'unconfined' : security.seccomp.file}`]),
      ...(security.apparmor === undefined ? [] : [`apparmor=${security.apparmor}`]),
      ...security.labels.map((label) => `label=${label}`),
    ],
    Tmpfs: Object.fromEntries(mounts.filter(({ type }) => type === 'tmpfs').map(({ target, options }) => [target, options.join(',')])),
    UTSMode: modeOf(request.uts),
    UsernsMode: usernsOf(request.userns),
    ShmSize: Number(request.shmSize),
    Sysctls: request.sysctls,
    Init: request.init,
    CgroupParent: request.cgroupParent ?? '',
    Memory: number(resources.memory),
    MemorySwap: number(resources.memorySwap),
    MemoryReservation: number(resources.memoryReservation),
    MemorySwappiness: resources.memorySwappiness ?? null,
    OomKillDisable: resources.oomKillDisable ?? false,
    NanoCpus: resources.nanoCpus ?? 0,
    CpuShares: resources.cpuShares ?? 0,
    CpuQuota: resources.cpuQuota ?? 0,
    CpuPeriod: resources.cpuPeriod ?? 0,
    CpuRealtimeRuntime: resources.cpuRealtimeRuntime ?? 0,
    CpuRealtimePeriod: resources.cpuRealtimePeriod ?? 0,
    CpusetCpus: resources.cpusetCpus ?? '',
    CpusetMems: resources.cpusetMems ?? '',
    PidsLimit: resources.pidsLimit ?? null,
    BlkioWeight: resources.blkioWeight ?? 0,
    BlkioWeightDevice: (resources.blkioWeightDevice ?? []).map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: rates(resources.deviceReadBps),
    BlkioDeviceWriteBps: rates(resources.deviceWriteBps),
    BlkioDeviceReadIOps: rates(resources.deviceReadIops),
    BlkioDeviceWriteIOps: rates(resources.deviceWriteIops),
    Devices: request.devices.map(({ source, target, access }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: access,
    })),
    DeviceCgroupRules: request.deviceRules,
    Ulimits: request.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: Number(soft), Hard: Number(hard) })),
    MaskedPaths: security.mask,
  }
}
