/** Addresses as text. node:net, which would tell, takes longer to load than a container to start. */

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`)

/** RFC 4291, 2.2; without a zone. */
const isIPv6 = (text: string): boolean => {
  const embedded = /^(.*:)([\d.]+)$/.exec(text)
  if (embedded !== null && embedded[2]!.includes('.')) {
    return IPV4.test(embedded[2]!) && isIPv6(`${embedded[1]}0:0`)
  }
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  return groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) && (halves.length === 2 ? groups.length < 8 : groups.length === 8)
}

/** Its family; undefined for what is no address. */
export const familyOf = (text: string): 4 | 6 | undefined => (IPV4.test(text) ? 4 : isIPv6(text) ? 6 : undefined)
