/** hostname, domainname, linux.sysctl and annotations. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { inUserNamespace } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { OURS } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

const kernel = (name: string): string => readFileSync(`/proc/sys/${name}`, 'utf8')

test("hostname and domainname are the container's, not the host's", { skip }, async (t) => {
  const before = [kernel('kernel/hostname'), kernel('kernel/domainname')]
  const box = bundle(t, (config) => {
    config.hostname = 'a-name.with.dots'
    config.domainname = 'some.domain'
  })
  await box.up()
  assert.equal(await box.inside('hostname; cat /proc/sys/kernel/domainname'), 'a-name.with.dots\nsome.domain')
  assert.deepEqual([kernel('kernel/hostname'), kernel('kernel/domainname')], before)
})

test("without a hostname the name is the host's", { skip }, async (t) => {
  assert.equal(`${await bundle(t).probe('hostname')}\n`, kernel('kernel/hostname'))
})

test('the longest name there can be', { skip }, async (t) => {
  const box = bundle(t, (config) => {
    config.hostname = 'h'.repeat(64)
    config.domainname = 'd'.repeat(64)
  })
  assert.equal(await box.probe('hostname; cat /proc/sys/kernel/domainname'), `${'h'.repeat(64)}\n${'d'.repeat(64)}`)
})

test("sysctls of the container's namespaces, in both spellings", { skip }, async (t) => {
  const forward = kernel('net/ipv4/ip_forward')
  const shmmax = kernel('kernel/shmmax')
  const box = bundle(t, ({ linux }) => {
    linux.sysctl = {
      'net.ipv4.ip_forward': '1',
      'net/ipv4/ping_group_range': '0 1000',
      'net.ipv4.conf.lo.forwarding': '1',
      'kernel.shmmax': '1048576',
      'kernel.msgmnb': '4096',
      'fs.mqueue.msg_max': '20',
    }
  })
  await box.up()
  assert.equal(
    await box.inside(
      "cd /proc/sys; cat net/ipv4/ip_forward net/ipv4/ping_group_range net/ipv4/conf/lo/forwarding kernel/shmmax kernel/msgmnb fs/mqueue/msg_max | tr '\\t' ' '",
    ),
    '1\n0 1000\n1\n1048576\n4096\n20',
  )
  assert.deepEqual([kernel('net/ipv4/ip_forward'), kernel('kernel/shmmax')], [forward, shmmax])
})

test('sysctls are set where /proc/sys is read-only and in a user namespace', { skip }, async (t) => {
  const box = bundle(t, (config, made) => {
    config.linux.readonlyPaths = ['/proc/sys']
    config.linux.sysctl = { 'net.ipv4.ip_forward': '1' }
    inUserNamespace(config)
    made.own(100_000)
  })
  assert.deepEqual(
    await box.lines('cat /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/ip_forward 2>/dev/null || echo refused'),
    ['1', 'refused'],
  )
})

test('a value that the kernel refuses is named', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.sysctl = { 'net.ipv4.ip_forward': 'nonsense' }
  })
  await box.refused(/linux\.sysctl.*net\/ipv4\/ip_forward.*invalid argument/)
  box.config.linux.sysctl = { 'net.no.such.file': '1' }
  await box.refused(/linux\.sysctl.*net\/no\/such\/file.*no such file or directory/)
})

test('sysctls of the host are refused', { skip }, async (t) => {
  const box = bundle(t)
  for (const name of [
    'kernel.panic',
    'vm.swappiness',
    'fs.file-max',
    'kernel.hostname',
    ...(OURS ? ['net.ipv4..ip_forward', '../kernel/panic'] : []),
  ]) {
    box.config.linux.sysctl = { [name]: '1' }
    await box.refused(/linux\.sysctl/)
  }
  box.config.linux.sysctl = { 'net.ipv4.ip_forward': '1' }
  box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== 'network')
  await box.refused(/linux\.sysctl.*network namespace/)
})

test('annotations are in the state and in the list, and reach hooks', { skip }, async (t) => {
  const annotations = { 'org.example.b': 'two\nlines "quoted"', 'org.example.a': '', 'org.example.unicode': 'ü€😀' }
  const box = bundle(t, (config, { folder }) => {
    config.annotations = annotations
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', `cat > ${folder}/hook`] }] }
  })
  await box.up()
  assert.deepEqual((await box.state()).annotations, annotations)
  const list = JSON.parse((await box.must('list', '--format', 'json')).stdout) as { annotations: unknown }[]
  assert.deepEqual(list[0]?.annotations, annotations)
  assert.deepEqual((JSON.parse(readFileSync(`${box.folder}/hook`, 'utf8')) as { annotations: unknown }).annotations, annotations)
})
