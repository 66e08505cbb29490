import { accepts, change, refuses, validConfig, withoutNamespace } from './table.ts'

const at = (key: string) => `linux.sysctl[${JSON.stringify(key)}]`

refuses([
  ['linux.sysctl', ['net.ipv4.ip_forward=1'], '', 'must be an object'],
  ['linux.sysctl', { 'net.ipv4.ip_forward': 1 }, at('net.ipv4.ip_forward'), 'must be a string, is 1'],
  ['linux.sysctl', { 'net.ipv4.ip_forward': '1\nkernel.core_pattern=|/x' }, at('net.ipv4.ip_forward'), 'control characters'],
  ['linux.sysctl', { 'kernel.core_pattern': '|/x' }, at('kernel.core_pattern'), 'is not in a separate kernel namespace'],
  ['linux.sysctl', { 'kernel/core_pattern': '|/x' }, at('kernel/core_pattern'), 'is not in a separate kernel namespace'],
  ['linux.sysctl', { 'vm.swappiness': '1' }, at('vm.swappiness'), 'is not in a separate kernel namespace'],
  ['linux.sysctl', { net: '1' }, 'linux.sysctl.net', 'is not in a separate kernel namespace'],
  ['linux.sysctl', { 'kernel.hostname': 'x' }, at('kernel.hostname'), 'contradict the field hostname'],
  ['linux.sysctl', { '': 'x' }, at(''), 'must be named like net.ipv4.ip_forward'],
  ['linux.sysctl', { 'net.//.kernel.core_pattern': 'x' }, at('net.//.kernel.core_pattern'), 'without empty parts, . and ..'],
  ['linux.sysctl', { 'net/../kernel/core_pattern': 'x' }, at('net/../kernel/core_pattern'), 'without empty parts'],
  ['linux.sysctl', { 'net..x': 'x' }, at('net..x'), 'without empty parts'],
  ['linux.sysctl', { 'net/x/': 'x' }, at('net/x/'), 'without empty parts'],
  ['linux.sysctl', { 'net.a\0b': 'x' }, at('net.a\0b'), 'NUL'],
  ['linux.sysctl', { 'net.a.b': '1', 'net/a/b': '2' }, at('net/a/b'), '"net/a/b" is there twice'],
])

refuses(
  [
    ['linux.sysctl', { 'net.ipv4.ip_forward': '1' }, at('net.ipv4.ip_forward'), "is not allowed in the host's network namespace"],
    ['linux.sysctl', { 'net/ipv4/ip_forward': '1' }, at('net/ipv4/ip_forward'), "is not allowed in the host's network namespace"],
  ],
  () => withoutNamespace('network'),
)

refuses(
  [
    ['linux.sysctl', { 'kernel.shmmax': '1' }, at('kernel.shmmax'), "is not allowed in the host's ipc namespace"],
    ['linux.sysctl', { 'fs.mqueue.msg_max': '1' }, at('fs.mqueue.msg_max'), "is not allowed in the host's ipc namespace"],
  ],
  () => withoutNamespace('ipc'),
)

refuses([['linux.sysctl', { 'kernel.domainname': 'x' }, at('kernel.domainname'), 'is not in a separate kernel namespace']], () =>
  change(withoutNamespace('uts'), 'hostname', undefined),
)

accepts([
  ['linux.sysctl', { 'net.ipv4.ip_forward': '1' }, { 'net/ipv4/ip_forward': '1' }],
  ['linux.sysctl', { 'net.ipv4.ping_group_range': '0 0' }, { 'net/ipv4/ping_group_range': '0 0' }],
  ['linux.sysctl', { 'net.ipv4.conf.eno2/100.rp_filter': '1' }, { 'net/ipv4/conf/eno2.100/rp_filter': '1' }],
  ['linux.sysctl', { 'net/ipv4/conf/eno2.100/rp_filter': '1' }, { 'net/ipv4/conf/eno2.100/rp_filter': '1' }],
  ['linux.sysctl', { 'kernel.shm_rmid_forced': '' }, { 'kernel/shm_rmid_forced': '' }],
  ['linux.sysctl', { 'kernel.sem': '1 2 3 4' }, { 'kernel/sem': '1 2 3 4' }],
  ['linux.sysctl', { 'fs.mqueue.msg_max': '5' }, { 'fs/mqueue/msg_max': '5' }],
  ['linux.sysctl', { 'kernel.domainname': 'x' }, { 'kernel/domainname': 'x' }],
])

accepts([['linux.sysctl', { 'net.core.somaxconn': '1' }, { 'net/core/somaxconn': '1' }]], () =>
  change(validConfig(), 'linux.namespaces[1].path', '/run/netns/a'),
)
