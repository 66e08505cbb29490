/** Networks: what the built-in bridge, published ports, CNI and users without privileges need. */
import { CNI_CONFIGURATIONS, CNI_PLUGINS } from '../../runtime/network/cni/conflist.ts'
import { type Check, limited, type Machine, missing, ok, problemOf, sysctl } from './check.ts'

const nftables = ({ probes }: Machine): Check => {
  const problem = problemOf(probes.nftables)
  if (problem === undefined) return ok('nftables', 'libnftables and the kernel’s nf_tables')
  return missing(
    'nftables',
    problem,
    'bridge networks and published ports do not work: --network host and none do',
    problem.includes('cannot be loaded') ? 'apt-get install libnftables1' : 'modprobe nf_tables nft_chain_nat nft_masq',
  )
}

const forwarding = (machine: Machine): Check => {
  const [four, six] = [sysctl(machine, 'net.ipv4.ip_forward'), sysctl(machine, 'net.ipv6.conf.all.forwarding')]
  if (four === undefined) return limited('ip_forward', 'cannot be read', 'containers of bridge networks may not get out')
  if (four === '1') return ok('ip_forward', six === '1' ? 'IPv4 and IPv6' : 'IPv4; IPv6 is turned on with the first network')
  return machine.exists('/proc/sys/net/ipv4/ip_forward')
    ? ok('ip_forward', 'off; it is turned on with the first network')
    : missing('ip_forward', 'off', 'containers do not get out of the machine', 'sysctl -w net.ipv4.ip_forward=1')
}

const bridgeFilter = (machine: Machine): Check => {
  const name = 'br_netfilter'
  const value = sysctl(machine, 'net.bridge.bridge-nf-call-iptables')
  if (value === '1')
    return limited(
      name,
      'frames between containers go through the machine’s filter rules',
      'rules that drop what is forwarded part containers of one network from each other',
      'sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0',
    )
  return ok(name, value === undefined ? 'not loaded, and not needed' : 'loaded, not used for bridges')
}

const cni = ({ exists }: Machine): Check => {
  const folder = CNI_PLUGINS.find((path) => exists(`${path}/bridge`) || exists(`${path}/loopback`))
  if (folder === undefined)
    return limited(
      'CNI',
      `no plugins in ${CNI_PLUGINS.join(' or ')}`,
      'only built-in networks can be used, which is all that most need',
      'apt-get install containernetworking-plugins',
    )
  return ok(
    'CNI',
    `plugins in ${folder}${exists(CNI_CONFIGURATIONS) ? `, configurations in ${CNI_CONFIGURATIONS}` : ', no configurations'}`,
  )
}

const pasta = ({ find, exists }: Machine): Check => {
  const path = find('pasta')
  if (path === undefined)
    return missing('pasta', 'not found', 'containers of this user have --network none and host only', 'apt-get install passt')
  return exists('/dev/net/tun')
    ? ok('pasta', path)
    : missing('pasta', `${path}, but no /dev/net/tun`, 'containers of this user have --network none and host only', 'modprobe tun')
}

export const networkChecks = (machine: Machine): Check[] =>
  machine.uid === 0 ? [nftables(machine), forwarding(machine), bridgeFilter(machine), cni(machine)] : [pasta(machine)]
