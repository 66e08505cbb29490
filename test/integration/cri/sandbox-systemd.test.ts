/** Pod sandboxes with the cgroup driver systemd. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { failsWith } from '../../support/cri/client.ts'
import { podConfig, runPod } from '../../support/cri/configs.ts'
import { withServer } from '../../support/cri/server.ts'
import { requires } from '../../support/requires.ts'

const INVALID = 3

test('the holder is a scope in the pod’s slice, as kubelet names it', { skip: requires('root', 'systemd') }, async () => {
  await withServer(
    async (server) => {
      const { client } = server
      for (const cgroupParent of ['wherrytest-pod1.slice', '/wherrytest.slice/wherrytest-pod1.slice']) {
        const podSandboxId = await runPod(client, podConfig(server, 'scoped', { linux: { cgroupParent } }))
        const { info } = await client.podSandboxStatus({ podSandboxId, verbose: true })
        const { pid } = JSON.parse(info['info']!)
        const path = `/wherrytest.slice/wherrytest-pod1.slice/cri-wherry-${podSandboxId}.scope`
        assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`:${path}$`, 'm'))
        await client.removePodSandbox({ podSandboxId })
        assert.ok(!existsSync(`/sys/fs/cgroup${path}`))
      }
      await assert.rejects(
        client.runPodSandbox({ config: podConfig(server, 'path', { linux: { cgroupParent: '/kubepods/pod1' } }) }),
        failsWith(INVALID, /config\.linux\.cgroup_parent: .* is no slice/),
      )
    },
    { images: false, config: { cgroupDriver: 'systemd' } },
  )
})
