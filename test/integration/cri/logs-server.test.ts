/** Logs of a server’s containers, and ReopenContainerLog. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ContainerState } from '../../../cri/api/api_pb.js'
import { CODE } from '../../../cri/server/codes.ts'
import { failsWith } from '../../support/cri/client.ts'
import { containerConfig, podConfig, runPod, startContainer } from '../../support/cri/configs.ts'
import { parseLog, readLog, shown } from '../../support/cri/logs.ts'
import { endServer } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

test('a container’s log is whole once it has exited', { skip }, async (t) => {
  const server = await TestServer.open()
  t.after(() => endServer(server))
  const { client } = server
  const pod = podConfig(server, 'logs')
  const podId = await runPod(client, pod)
  const config = containerConfig('c', 'echo out; echo err >&2; seq 1 20000; printf end', { logPath: 'c/0.log' })
  const containerId = await startContainer(client, podId, config, pod)
  let status = (await client.containerStatus({ containerId })).status!
  while (status.state !== ContainerState.CONTAINER_EXITED) {
    await sleep(10)
    status = (await client.containerStatus({ containerId })).status!
  }
  const path = `${pod.logDirectory}/c/0.log`
  assert.equal(status.logPath, path)
  const lines = readLog(path)
  assert.equal(shown(lines, 'stderr'), 'err\n')
  const numbers = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('')
  assert.equal(shown(lines, 'stdout'), `out\n${numbers}end`)
  await assert.rejects(client.reopenContainerLog({ containerId }), failsWith(CODE.FAILED_PRECONDITION, /is not running/))
  await client.removeContainer({ containerId })
  assert.ok(existsSync(path), 'the log is kubelet’s')
  await assert.rejects(client.reopenContainerLog({ containerId }), failsWith(CODE.NOT_FOUND, /there is no container/))
})

test('a log on a terminal', { skip }, async (t) => {
  const server = await TestServer.open()
  t.after(() => endServer(server))
  const { client } = server
  const pod = podConfig(server, 'tty')
  const podId = await runPod(client, pod)
  await startContainer(client, podId, containerConfig('c', 'echo out; echo err >&2; exec sleep 1000', { tty: true }), pod)
  const path = `${pod.logDirectory}/c.log`
  await eventually('both lines are there', () => existsSync(path) && readFileSync(path, 'latin1').split('\n').length === 3)
  assert.deepEqual(
    readLog(path).map(({ stream, tag, text }) => `${stream} ${tag} ${text}`),
    ['stdout F out\r', 'stdout F err\r'],
  )
})

test('under load, renamed again and again while the server is killed again and again, the log is what was written', { skip }, async (t) => {
  const server = await TestServer.open({ child: true })
  t.after(() => endServer(server))
  const pod = podConfig(server, 'load')
  const podId = await runPod(server.client, pod)
  const script = `i=0; while [ ! -e /logs/stop ]; do seq $i $((i + 999)); i=$((i + 1000)); done; echo end`
  const mounts = [{ containerPath: '/logs', hostPath: `${server.folder}/logs` }]
  const containerId = await startContainer(server.client, podId, containerConfig('c', script, { mounts }), pod)
  const path = `${pod.logDirectory}/c.log`
  await eventually('there is a log', () => existsSync(path) && statSync(path).size > 0)
  const renamed: string[] = []
  for (let round = 0; round < 6; round += 1) {
    for (let times = 0; times < 2; times += 1) {
      const name = `${path}.${renamed.length}`
      renameSync(path, name)
      renamed.push(name)
      if (times === 0) {
        await server.client.reopenContainerLog({ containerId })
        assert.ok(existsSync(path), 'made at once')
      }
    }
    await server.again('SIGKILL')
    await eventually('the next server goes on', () => existsSync(path) && statSync(path).size > 0)
  }
  writeFileSync(`${server.folder}/logs/stop`, '')
  for (;;) {
    const { status } = await server.client.containerStatus({ containerId })
    if (status!.state === ContainerState.CONTAINER_EXITED) break
    await sleep(20)
  }
  const lines = shown(parseLog(Buffer.concat([...renamed, path].map((name) => readFileSync(name)))), 'stdout').split('\n')
  assert.deepEqual(lines.slice(-2), ['end', ''])
  const wrong = lines.slice(0, -2).findIndex((line, index) => line !== String(index))
  assert.equal(wrong, -1, `line ${wrong}: ${lines.slice(Math.max(0, wrong - 2), wrong + 3).join()}`)
})
