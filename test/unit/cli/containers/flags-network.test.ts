/** --network, -p, --expose, names and addresses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { familyOf, macAddress } from '../../../../cli/containers/flags/address.ts'
import { configFor, ID, problemOf, readLine, requestOf } from '../../../support/requests.ts'

const ports = (...argv: string[]) =>
  requestOf(...argv.flatMap((text) => ['-p', text])).network.ports.map(
    ({ host = '*', hostPort = 'any', port, protocol }) => `${host} ${hostPort} ${port} ${protocol}`,
  )

test('reads published ports', () => {
  assert.deepEqual(ports('80'), ['* any 80 tcp'])
  assert.deepEqual(ports('8080:80/udp'), ['* 8080 80 udp'])
  assert.deepEqual(ports('127.0.0.1::80'), ['127.0.0.1 any 80 tcp'])
  assert.deepEqual(ports('0:80/SCTP'), ['* any 80 sctp'])
  assert.deepEqual(ports('[::1]:8080:80'), ['::1 8080 80 tcp'])
  assert.deepEqual(ports('[::1]::80'), ['::1 any 80 tcp'])
  assert.deepEqual(ports(':8080:80'), ['* 8080 80 tcp'])
  assert.deepEqual(ports('8000-8002:80-82'), ['* 8000 80 tcp', '* 8001 81 tcp', '* 8002 82 tcp'])
  assert.deepEqual(ports('80-81'), ['* any 80 tcp', '* any 81 tcp'])
  assert.deepEqual(ports('80:80', '80:80/udp', '127.0.0.1:81:80', '127.0.0.2:81:80'), [
    '* 80 80 tcp',
    '* 80 80 udp',
    '127.0.0.1 81 80 tcp',
    '127.0.0.2 81 80 tcp',
  ])
})

test('reads exposed ports', () => {
  assert.deepEqual(requestOf('--expose', '80', '--expose', '80/tcp', '--expose', '90-91/udp').network.expose, [
    '80/tcp',
    '90/udp',
    '91/udp',
  ])
})

test('reads networks, in both forms', () => {
  const network = (...argv: string[]) => {
    const { mode, names, aliases, ip, ip6, mac, endpoints } = requestOf(...argv).network
    return { mode, names, aliases, ip, ip6, mac, endpoints }
  }
  const none = { ip: undefined, ip6: undefined, mac: undefined, endpoints: undefined }
  assert.deepEqual(network(), { mode: 'networks', names: [], aliases: [], ...none })
  assert.deepEqual(network('--network', 'host'), { mode: 'host', names: [], aliases: [], ...none })
  assert.deepEqual(network('--net', 'none'), { mode: 'none', names: [], aliases: [], ...none })
  assert.deepEqual(network('--network', 'default'), { mode: 'networks', names: ['bridge'], aliases: [], ...none })
  assert.deepEqual(
    network('--network', 'a', '--network-alias', 'x', '--ip', '10.0.0.2', '--ip6', 'fd00::2', '--mac-address', '92:D0:C6:0A:29:33'),
    {
      mode: 'networks',
      names: ['a'],
      aliases: ['x'],
      ip: '10.0.0.2',
      ip6: 'fd00::2',
      mac: '92:d0:c6:0a:29:33',
      endpoints: undefined,
    },
  )
  assert.deepEqual(
    network(
      '--network',
      'a:ip=10.0.0.2,alias=x,alias=y',
      '--network',
      'name=b,ip=10.1.0.2,mac-address=92:d0:c6:0a:29:33',
      '--network',
      'c',
    ),
    {
      mode: 'networks',
      names: ['a', 'b', 'c'],
      aliases: ['x', 'y'],
      ip: '10.0.0.2',
      ip6: undefined,
      mac: undefined,
      endpoints: { b: { aliases: [], ip: '10.1.0.2', mac: '92:d0:c6:0a:29:33' } },
    },
  )
})

test('shares the network of a container by its id', () => {
  const { network } = readLine(['--network', 'container:c'], { containers: { c: configFor(requestOf()) } }).request
  assert.equal(network.mode, 'container')
  assert.equal(network.container, ID)
})

test('warns of ports that are published in vain', () => {
  const { request, warnings } = readLine(['--network', 'host', '-p', '80:80'])
  assert.deepEqual(request.network.ports, [])
  assert.deepEqual(warnings, ['--publish has no effect with --network host: the container has the ports of the machine'])
  assert.deepEqual(readLine(['--network', 'none', '-P']).warnings, [
    '--publish-all has no effect with --network none: the container cannot be reached',
  ])
})

test('reads what stands in hosts and resolv.conf', () => {
  const { hosts, dns, dnsSearch, dnsOptions } = requestOf(
    ...['--add-host', 'a:1.2.3.4', '--add-host', 'b=[::1]', '--add-host', 'c:fd00::1', '--add-host', 'd:host-gateway'],
    ...['--dns', '1.1.1.1,::1', '--dns-search', '.', '--dns-search', 'a.example', '--dns-option', 'ndots:2', '--dns-opt', 'rotate'],
  ).network
  assert.deepEqual(hosts, ['a:1.2.3.4', 'b:::1', 'c:fd00::1', 'd:host-gateway'])
  assert.deepEqual(
    [dns, dnsSearch, dnsOptions],
    [
      ['1.1.1.1', '::1'],
      ['.', 'a.example'],
      ['ndots:2', 'rotate'],
    ],
  )
})

const PRIVATE = configFor(requestOf('--name', 'c'))

/** Command lines, and what is said of them. */
const BAD: readonly (readonly [argv: readonly string[], message: string])[] = [
  [
    ['-p', ''],
    '--publish: "" has "" for a port: [ADDRESS:][HOSTPORT]:PORT[/PROTOCOL] or PORT is wanted, ports may be ranges, IPv6 addresses are in brackets',
  ],
  [
    ['-p', 'x'],
    '--publish: "x" has "x" for a port: [ADDRESS:][HOSTPORT]:PORT[/PROTOCOL] or PORT is wanted, ports may be ranges, IPv6 addresses are in brackets',
  ],
  [['-p', '0'], '--publish: "0" has the port 0, which is not from 1 to 65535'],
  [['-p', '70000'], '--publish: "70000" has the port 70000, which is not from 1 to 65535'],
  [['-p', '80-90:1-2'], '--publish: "80-90:1-2" has ranges of different lengths: 11 ports of the machine for 2'],
  [['-p', '90-80'], '--publish: "90-80" has the range 90-80, which ends before it begins'],
  [['-p', '80/icmp'], '--publish: "80/icmp" has the protocol "icmp", which is none of tcp, udp, sctp'],
  [
    ['-p', '1.2.3:80:80'],
    '--publish: "1.2.3:80:80" has "1.2.3" for an address: [ADDRESS:][HOSTPORT]:PORT[/PROTOCOL] or PORT is wanted, ports may be ranges, IPv6 addresses are in brackets',
  ],
  [
    ['-p', '::1:80:80'],
    '--publish: "::1:80:80" is not understood: [ADDRESS:][HOSTPORT]:PORT[/PROTOCOL] or PORT is wanted, ports may be ranges, IPv6 addresses are in brackets',
  ],
  [
    ['-p', '[::1]80'],
    '--publish: "[::1]80" has "[" for an address: [ADDRESS:][HOSTPORT]:PORT[/PROTOCOL] or PORT is wanted, ports may be ranges, IPv6 addresses are in brackets',
  ],
  [['-p', '80:80', '-p', '127.0.0.1:80:81'], '--publish: "127.0.0.1:80/tcp" is published twice'],
  [
    ['-p', '80/tcp/udp'],
    '--publish: "80/tcp/udp" has two protocols: [ADDRESS:][HOSTPORT]:PORT[/PROTOCOL] or PORT is wanted, ports may be ranges, IPv6 addresses are in brackets',
  ],
  [['--expose', '0'], '--expose: "0" has the port 0, which is not from 1 to 65535'],
  [['--expose', '80/x'], '--expose: "80/x" has the protocol "x", which is none of tcp, udp, sctp'],
  [['--network', 'host', '--network', 'none'], '--network host stands alone: the container is in no other network then'],
  [['--network', 'a', '--network', 'a'], '--network a is given twice'],
  [
    ['--network', 'a b'],
    '--network: "a b" is no network: host, none, container:NAME, or the name of a network (letters, digits, _, . and -) is wanted',
  ],
  [
    ['--network', 'ns:/x'],
    '--network: "ns:/x" is not supported: share the network of a container (container:NAME) or of the machine (host)',
  ],
  [['--network', 'a:ip=x'], '--network: "x" is no IPv4 address'],
  [['--network', 'a:foo=1'], '--network: "a:foo=1" has the unknown option "foo"; there are alias=, ip=, ip6=, mac-address='],
  [['--network', 'container:nobody'], 'there is no container "nobody"'],
  [['--network', 'host', '--ip', '1.2.3.4'], '--ip and --network host exclude each other: there is no network of its own to have it in'],
  [
    ['--network', 'container:c', '-p', '80'],
    '--publish and --network container:c exclude each other: it belongs to the container whose network this is',
  ],
  [
    ['--network', 'container:c', '--dns', '1.1.1.1'],
    '--dns and --network container:c exclude each other: the files of the container whose network this is are shared',
  ],
  [
    ['--network', 'a:ip=1.2.3.4', '--ip', '1.2.3.5'],
    '--ip and --network exclude each other: the network has its ip behind its name already',
  ],
  [['--ip', '::1'], '--ip: "::1" is no IPv4 address'],
  [['--ip6', '1.2.3.4'], '--ip6: "1.2.3.4" is no IPv6 address'],
  [
    ['--mac-address', '01:02:03:04:05:06'],
    '--mac-address: "01:02:03:04:05:06" is no MAC address of one interface: one like 92:d0:c6:0a:29:33 is wanted',
  ],
  [['--mac-address', 'x'], '--mac-address: "x" is no MAC address of one interface: one like 92:d0:c6:0a:29:33 is wanted'],
  [['--dns', 'x'], '--dns: "x" is no IP address'],
  [['--dns-search', 'a b'], '--dns-search: "a b" is no domain'],
  [['--dns-option', 'a b'], '--dns-option: "a b" is no option of resolv.conf(5): one like ndots:2 or rotate is wanted'],
  [['--add-host', 'a'], '--add-host: "a" is not of the form NAME:ADDRESS'],
  [['--add-host', 'a:b'], '--add-host: "a:b" has "b" for an address: an IP address or host-gateway is wanted'],
  [
    ['--add-host', 'a b:1.2.3.4'],
    `--add-host: "a b" is no host name: letters, digits, '-', '_' and '.' are allowed, 64 at most, the first and the last a letter or digit`,
  ],
  [
    ['--network-alias', 'a\nb'],
    `--network-alias: "a\\nb" is no host name: letters, digits, '-', '_' and '.' are allowed, 64 at most, the first and the last a letter or digit`,
  ],
  [
    ['--hostname', 'a\nb'],
    `--hostname: "a\\nb" is no host name: letters, digits, '-', '_' and '.' are allowed, 64 at most, the first and the last a letter or digit`,
  ],
  [
    ['--hostname', '-a'],
    `--hostname: "-a" is no host name: letters, digits, '-', '_' and '.' are allowed, 64 at most, the first and the last a letter or digit`,
  ],
  [
    ['-h', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
    `--hostname: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" is no host name: letters, digits, '-', '_' and '.' are allowed, 64 at most, the first and the last a letter or digit`,
  ],
]

test('says what is wrong, and what is allowed', () => {
  for (const [argv, message] of BAD) assert.equal(problemOf(argv, { containers: { c: PRIVATE } }), message, argv.join(' '))
})

test('tells addresses from other text', () => {
  for (const text of ['0.0.0.0', '255.255.255.255', '127.0.0.1']) assert.equal(familyOf(text), 4, text)
  for (const text of ['::', '::1', 'fd00::1', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4', '1::8']) assert.equal(familyOf(text), 6, text)
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    'fe80::1%eth0',
    '12345::',
    '::1.2.3',
    '1:2:3:4:5:6:7::8',
  ])
    assert.equal(familyOf(text), undefined, text)
})

test('knows addresses of interfaces', () => {
  assert.equal(macAddress('92-D0-C6-0A-29-33'), '92:d0:c6:0a:29:33')
  for (const text of ['ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', '92:d0:c6:0a:29', '92:d0:c6:0a:29:3g'])
    assert.equal(macAddress(text), undefined, text)
})
