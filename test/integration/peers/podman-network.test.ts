/** podman's networks with our runtime; all of it in a network namespace of the test. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { requires } from '../../support/requires.ts'
import { IMAGE, Podman } from './podman.ts'

describe('podman: networks', { skip: requires('root', 'podman', 'busybox') }, () => {
  let podman: Podman
  before(async () => {
    podman = await Podman.open()
  })
  after(() => podman?.close())

  const place = () => [`--cgroup-parent=${podman.corner.cgroup}`]

  test('none: the loopback only, and it is up', () => {
    const { stdout } = podman.container([], 'sh', '-c', 'ls /sys/class/net; ping -c 1 -W 2 127.0.0.1 | grep -c "1 packets received"')
    assert.equal(stdout, 'lo\n1\n')
  })

  test('host: the network namespace of who calls', () => {
    const stdout = podman.ok('run', '--rm', ...place(), '--network=host', IMAGE, 'readlink', '/proc/self/ns/net')
    assert.equal(stdout, podman.corner.run(['readlink', '/proc/self/ns/net']).stdout)
  })

  test('bridge: an address, a gateway that answers, and a published port', () => {
    const id = podman
      .ok(
        'run',
        '--detach',
        ...place(),
        '--network=podman',
        '--publish=127.0.0.1:8099:80',
        IMAGE,
        'sh',
        '-c',
        'while :; do echo served | nc -l -p 80; done',
      )
      .trim()
    const address = podman.inspect(id, '{{.NetworkSettings.IPAddress}}')
    assert.match(address, /^\d+\.\d+\.\d+\.\d+$/)
    assert.match(podman.ok('exec', id, 'ip', 'address', 'show', 'dev', 'eth0'), new RegExp(`inet ${address.replaceAll('.', '\\.')}/`))
    const gateway = podman.inspect(id, '{{.NetworkSettings.Gateway}}')
    assert.match(podman.ok('exec', id, 'ping', '-c', '1', '-W', '5', gateway), /1 packets received/)
    assert.match(podman.corner.run(['busybox', 'ping', '-c', '1', '-W', '5', address]).stdout, /1 packets received/)
    assert.equal(podman.corner.run(['busybox', 'nc', '-w', '5', address, '80']).stdout, 'served\n')
    podman.remove(id)
  })
})
