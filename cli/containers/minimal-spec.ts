/** A spec for the simplest of containers. */
import { defaultSpec } from '../../runtime/spec/default.ts'
import type { Spec } from '../../runtime/spec/types.ts'
import type { ResolvedUser } from '../../image/apply/user.ts'
import type { ContainerConfig } from './config.ts'
import { shortId } from './ids.ts'

export const minimalSpec = (config: ContainerConfig, { user, rootfs }: { readonly user: ResolvedUser; readonly rootfs: string }): Spec => {
  const base = defaultSpec({ rootless: undefined, cgroupNamespace: false })
  const { request, process } = config
  return {
    ...base,
    hostname: request.hostname ?? shortId(config.id),
    process: {
      ...base.process,
      args: process.args,
      env: process.env,
      cwd: process.cwd,
      terminal: request.tty,
      user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    },
    root: { path: rootfs, readonly: request.readonly },
    linux: {
      ...base.linux,
      cgroupsPath: `/wherry/${config.id}`,
      namespaces: (base.linux.namespaces ?? []).filter(({ type }) => type !== 'network' || request.network.mode !== 'host'),
    },
  }
}
