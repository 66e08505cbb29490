/** What can be wrong with a ContainerConfig by itself, before anything is looked for or made. Field names are the API's. */
import { InvalidField } from '../../../runtime/errors.ts'
import {
  type ContainerConfig,
  type LinuxContainerSecurityContext,
  type SecurityProfile,
  SecurityProfile_ProfileType,
} from '../../api/api_pb.js'
import { checkMount } from './mounts.ts'

const text = (value: string, field: string): void => {
  if (value.includes('\0')) throw new InvalidField(field, 'has a NUL byte')
}

const absolute = (value: string, field: string): void => {
  text(value, field)
  if (!value.startsWith('/')) throw new InvalidField(field, `must be absolute, is ${JSON.stringify(value)}`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Of an environment variable, which the API has as bytes. */
export const envValue = (bytes: Uint8Array, field: string): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new InvalidField(field, 'is not UTF-8, which this runtime has all of an environment in')
  }
}

const checkProfile = (profile: SecurityProfile | undefined, field: string): void => {
  if (profile === undefined) return
  if (SecurityProfile_ProfileType[profile.profileType] === undefined)
    throw new InvalidField(`${field}.profile_type`, `is unknown: ${profile.profileType}`)
  if (profile.profileType !== SecurityProfile_ProfileType.Localhost) return
  if (profile.localhostRef === '') throw new InvalidField(`${field}.localhost_ref`, 'is empty')
  text(profile.localhostRef, `${field}.localhost_ref`)
}

const checkSecurity = (security: LinuxContainerSecurityContext, field: string): void => {
  checkProfile(security.seccomp, `${field}.seccomp`)
  checkProfile(security.apparmor, `${field}.apparmor`)
  for (const [key, paths] of [['masked_paths', security.maskedPaths] as const, ['readonly_paths', security.readonlyPaths] as const])
    for (const [index, path] of paths.entries()) absolute(path, `${field}.${key}[${index}]`)
}

/** Throws `invalid-argument` naming the field. */
export const checkConfig = (config: ContainerConfig): void => {
  if (config.image === undefined || config.image.image === '') throw new InvalidField('config.image.image', 'is empty')
  for (const [index, word] of config.command.entries()) text(word, `config.command[${index}]`)
  for (const [index, word] of config.args.entries()) text(word, `config.args[${index}]`)
  if (config.workingDir !== '') absolute(config.workingDir, 'config.working_dir')
  for (const [index, { key, value }] of config.envs.entries()) {
    const field = `config.envs[${index}]`
    if (key === '' || key.includes('=')) throw new InvalidField(`${field}.key`, `must be a name, is ${JSON.stringify(key)}`)
    text(key, `${field}.key`)
    text(envValue(value, `${field}.value`), `${field}.value`)
  }
  config.mounts.forEach(checkMount)
  for (const [index, device] of config.devices.entries()) {
    absolute(device.hostPath, `config.devices[${index}].host_path`)
    if (device.containerPath !== '') absolute(device.containerPath, `config.devices[${index}].container_path`)
    if (!/^[rwm]*$/.test(device.permissions)) throw new InvalidField(`config.devices[${index}].permissions`, 'must be letters of rwm')
  }
  text(config.logPath, 'config.log_path')
  if (config.logPath.split('/').includes('..')) throw new InvalidField('config.log_path', 'must not lead out of log_directory')
  if (config.linux?.securityContext !== undefined) checkSecurity(config.linux.securityContext, 'config.linux.security_context')
}
