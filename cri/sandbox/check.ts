/** A pod's config, before anything is made of it. */
import type { Mappings } from '../../runtime/container/idmap.ts'
import { InvalidField } from '../../runtime/errors.ts'
import { type PodSandboxConfig, type PortMapping, Protocol, type SecurityProfile, SecurityProfile_ProfileType } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import { cgroupsPathOf } from './cgroup.ts'
import { checkNamespaceModes } from './namespace-modes.ts'
import { sysctlsOf } from './sysctls.ts'

/** sethostname(2): __NEW_UTS_LEN. */
const LONGEST_HOSTNAME = 64

const checkProfile = (profile: SecurityProfile | undefined, field: string): void => {
  if (profile === undefined) return
  const { profileType, localhostRef } = profile
  if (SecurityProfile_ProfileType[profileType] === undefined)
    throw new InvalidField(`${field}.profile_type`, `${String(profileType)} is no type of a profile`)
  const isLocalhost = profileType === SecurityProfile_ProfileType.Localhost
  if (isLocalhost && localhostRef === '') throw new InvalidField(`${field}.localhost_ref`, 'is empty: the type Localhost needs it')
  if (!isLocalhost && localhostRef !== '') throw new InvalidField(`${field}.localhost_ref`, 'is for the type Localhost only')
}

const checkPort = ({ protocol, containerPort, hostPort }: PortMapping, index: number): void => {
  const at = `config.port_mappings[${index}]`
  if (Protocol[protocol] === undefined) throw new InvalidField(`${at}.protocol`, `${String(protocol)} is no protocol`)
  for (const [field, port] of [
    ['container_port', containerPort],
    ['host_port', hostPort],
  ] as const)
    if (port < 0 || port > 65535) throw new InvalidField(`${at}.${field}`, `${port} is no port`)
}

const checkDns = ({ dnsConfig }: PodSandboxConfig): void => {
  for (const field of ['servers', 'searches', 'options'] as const)
    for (const [index, text] of (dnsConfig?.[field] ?? []).entries())
      if (text === '' || /[\s\0]/.test(text))
        throw new InvalidField(`config.dns_config.${field}[${index}]`, `${JSON.stringify(text)} is not one word`)
}

/** Throws InvalidField. Returns the mappings of the pod's own user namespace, if it is to have one. */
export const checkConfig = ({ config: server }: Pick<Cri, 'config'>, config: PodSandboxConfig, id: string): Mappings | undefined => {
  const { hostname, logDirectory, linux, portMappings } = config
  if (Buffer.byteLength(hostname) > LONGEST_HOSTNAME) throw new InvalidField('config.hostname', `is longer than ${LONGEST_HOSTNAME} bytes`)
  if (/[\s\0]/.test(hostname)) throw new InvalidField('config.hostname', `${JSON.stringify(hostname)} has white space`)
  if (logDirectory !== '' && !logDirectory.startsWith('/'))
    throw new InvalidField('config.log_directory', `${JSON.stringify(logDirectory)} is no absolute path`)
  checkDns(config)
  for (const [index, mapping] of portMappings.entries()) checkPort(mapping, index)
  const security = linux?.securityContext
  checkProfile(security?.seccomp, 'config.linux.security_context.seccomp')
  checkProfile(security?.apparmor, 'config.linux.security_context.apparmor')
  if (security?.runAsGroup !== undefined && security.runAsUser === undefined)
    throw new InvalidField('config.linux.security_context.run_as_group', 'is given without run_as_user')
  const mappings = checkNamespaceModes(config)
  sysctlsOf(config)
  cgroupsPathOf(server, config, id)
  return mappings
}
