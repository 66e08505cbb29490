/**
 * Names that kubelet gives: a pod's is name, namespace, uid and attempt; a container's is name and attempt in its pod. Taken while the record
 * exists, whatever its phase: putting a record down straight after (no await in between) reserves its name.
 */
import { InvalidField, WherryError } from '../../runtime/errors.ts'
import type { ContainerMetadata, PodSandboxMetadata } from '../api/api_pb.js'
import type { Container, Sandbox, Table } from './types.ts'

const taken = (what: string, id: string): WherryError => new WherryError('already-exists', `${what} is reserved for ${id}`)

/** As it is told in messages. */
export const sandboxName = ({ name, namespace, uid, attempt }: PodSandboxMetadata): string => `${name}_${namespace}_${uid}_${attempt}`

/** Throws `invalid-argument` naming the field that is missing, `already-exists` with the id that has the name. */
export const claimSandboxName = (sandboxes: Table<Sandbox>, metadata: PodSandboxMetadata | undefined): PodSandboxMetadata => {
  if (metadata === undefined) throw new InvalidField('config.metadata', 'is missing')
  for (const field of ['name', 'namespace', 'uid'] as const)
    if (metadata[field] === '') throw new InvalidField(`config.metadata.${field}`, 'is empty')
  const other = sandboxes.list().find(({ config }) => {
    const one = config.metadata!
    return (
      one.uid === metadata.uid && one.attempt === metadata.attempt && one.name === metadata.name && one.namespace === metadata.namespace
    )
  })
  if (other !== undefined) throw taken(`the name ${sandboxName(metadata)}`, other.id)
  return metadata
}

/** @param sandbox full id; throws as claimSandboxName */
export const claimContainerName = (
  containers: Table<Container>,
  sandbox: string,
  metadata: ContainerMetadata | undefined,
): ContainerMetadata => {
  if (metadata === undefined) throw new InvalidField('config.metadata', 'is missing')
  if (metadata.name === '') throw new InvalidField('config.metadata.name', 'is empty')
  const other = containers.list().find((one) => {
    const its = one.config.metadata!
    return one.sandbox === sandbox && its.name === metadata.name && its.attempt === metadata.attempt
  })
  if (other !== undefined) throw taken(`the name ${metadata.name}_${metadata.attempt} in pod sandbox ${sandbox}`, other.id)
  return metadata
}
