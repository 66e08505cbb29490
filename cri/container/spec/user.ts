/** Who the container's process is: run_as_user, run_as_group, run_as_username and supplemental groups over the image's User. */
import { type ResolvedUser, resolveUser } from '../../../image/apply/user.ts'
import { LARGEST_ID } from '../../../image/apply/database.ts'
import { InvalidField } from '../../../runtime/errors.ts'
import { type Int64Value, type LinuxContainerSecurityContext, SupplementalGroupsPolicy } from '../../api/api_pb.js'

export interface LookedUpUser {
  readonly uid: number
  readonly gid: number
  /** For setgroups(2), with `gid` first. */
  readonly additionalGids: readonly number[]
}

const FIELD = 'config.linux.security_context'

const idOf = (value: bigint, field: string): number => {
  if (value < 0n || value > BigInt(LARGEST_ID)) throw new InvalidField(`${FIELD}.${field}`, `must be from 0 to ${LARGEST_ID}, is ${value}`)
  return Number(value)
}

const optionalId = (wrapped: Int64Value | undefined, field: string): number | undefined =>
  wrapped === undefined ? undefined : idOf(wrapped.value, field)

type Context = Pick<
  LinuxContainerSecurityContext,
  'runAsUser' | 'runAsGroup' | 'runAsUsername' | 'supplementalGroups' | 'supplementalGroupsPolicy'
>

export interface WantedUser {
  /** For resolveUser: a name or a number, without a group, or what the image says. */
  readonly user: string
  /** As resolveUser has it behind a colon; undefined: the user's own. */
  readonly group: string | undefined
  readonly supplementalGroups: readonly number[]
  readonly strict: boolean
}

/** Throws `invalid-argument` naming the field. @param imageUser `User` of the image's config */
export const wantedUser = (context: Context | undefined, imageUser: string): WantedUser => {
  const [imageName = '', imageGroup] = imageUser.split(/:(.*)/s)
  if (context === undefined) return { user: imageName, group: imageGroup, supplementalGroups: [], strict: false }
  const uid = optionalId(context.runAsUser, 'run_as_user')
  const gid = optionalId(context.runAsGroup, 'run_as_group')
  const named = context.runAsUsername !== ''
  if (!named && uid === undefined && gid !== undefined)
    throw new InvalidField(`${FIELD}.run_as_group`, 'must not be given without run_as_user or run_as_username')
  const [name = '', group] = named ? context.runAsUsername.split(/:(.*)/s) : uid === undefined ? [imageName, imageGroup] : [String(uid)]
  if (named && group !== undefined && gid !== undefined)
    throw new InvalidField(`${FIELD}.run_as_username`, 'names a group, and run_as_group does too')
  return {
    user: name,
    group: gid === undefined ? group : String(gid),
    supplementalGroups: context.supplementalGroups.map((value, index) => idOf(value, `supplemental_groups[${index}]`)),
    strict: context.supplementalGroupsPolicy === SupplementalGroupsPolicy.Strict,
  }
}

/**
 * Looked up in the image, whose databases are a stranger's. Merge adds the groups that /etc/group has the user in, also where the primary group was
 * given; Strict does not. @param root descriptor of the root filesystem's folder
 */
export const lookUpUser = (root: number, { user, group, supplementalGroups, strict }: WantedUser): LookedUpUser => {
  const own: ResolvedUser = resolveUser(root, group === undefined ? user : `${user}:${group}`)
  const listed = strict ? [] : (group === undefined ? own : resolveUser(root, user)).additionalGids.slice(1)
  return { uid: own.uid, gid: own.gid, additionalGids: [...new Set([own.gid, ...listed, ...supplementalGroups])] }
}
