import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { LinuxContainerSecurityContextSchema, PodSandboxConfigSchema, SecurityProfile_ProfileType } from '../../../../cri/api/api_pb.js'
import { securityModules } from '../../../../cri/container/spec/profiles.ts'
import { InvalidField } from '../../../../runtime/errors.ts'
import type { MachineFacts } from '../../../../runtime/container/machine.ts'

const SANDBOX = { id: '0', config: create(PodSandboxConfigSchema) }
const MACHINE = { apparmor: true, selinux: false } as MachineFacts
const skip = existsSync('/sys/kernel/security/apparmor/profiles') ? 'AppArmor’s profiles can be seen here' : false

const modules = (profileType?: SecurityProfile_ProfileType) =>
  securityModules(
    create(LinuxContainerSecurityContextSchema, profileType === undefined ? {} : { apparmor: { profileType, localhostRef: 'mine' } }),
    SANDBOX,
    MACHINE,
  )

test('where AppArmor’s profiles cannot be seen, as in a container, there is none by default', { skip }, async () => {
  assert.deepEqual(await modules(), {})
  assert.deepEqual(await modules(SecurityProfile_ProfileType.Unconfined), {})
})

test('where AppArmor’s profiles cannot be seen, asking for one is an error', { skip }, async () => {
  for (const type of [SecurityProfile_ProfileType.RuntimeDefault, SecurityProfile_ProfileType.Localhost])
    await assert.rejects(
      modules(type),
      (error: unknown) =>
        error instanceof InvalidField &&
        /^config\.linux\.security_context\.apparmor: apparmor is not supported: its profiles cannot be seen/.test(error.message),
    )
})
