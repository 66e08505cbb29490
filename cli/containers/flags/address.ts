/** Addresses as text. */
export { familyOf } from '../../../runtime/network/family.ts'

/** `92:d0:c6:0a:29:33` in lower case; undefined for what is no address of one interface. */
export const macAddress = (text: string): string | undefined => {
  const mac = text.toLowerCase().replaceAll('-', ':')
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac) && mac !== '00:00:00:00:00:00' && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0
    ? mac
    : undefined
}
