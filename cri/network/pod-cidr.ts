/** UpdateRuntimeConfig: the node's pod CIDR comes into the network configuration. The template's names are those of containerd's. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { InvalidField } from '../../runtime/errors.ts'
import { parsePrefix } from '../../runtime/network/address.ts'
import { parseCniList } from '../../runtime/network/cni/conflist.ts'
import { renderTemplate } from './go-template.ts'

const FIELD = 'runtime_config.network_config.pod_cidr'

const FILE = '10-wherry-net.conflist'

const ranges = (cidr: string): string[] =>
  cidr.split(',').map((one) => {
    const range = one.trim()
    try {
      parsePrefix(range)
    } catch (cause) {
      throw new InvalidField(FIELD, `${JSON.stringify(range)} is no range of addresses: ${(cause as Error).message}`)
    }
    return range
  })

/** A default route for each family there is. */
const routes = (list: readonly string[]): string[] => [
  ...(list.some((range) => !range.includes(':')) ? ['0.0.0.0/0'] : []),
  ...(list.some((range) => range.includes(':')) ? ['::/0'] : []),
]

/** @param template path of it @param cidr one range, or two with a comma between. Throws InvalidField, and what the template lacks. */
export const writePodCidr = async ({
  template,
  folder,
  cidr,
}: {
  readonly template: string
  readonly folder: string
  readonly cidr: string
}): Promise<void> => {
  const list = ranges(cidr)
  const text = renderTemplate(readFileSync(template, 'utf8'), { PodCIDR: list[0]!, PodCIDRRanges: list, Routes: routes(list) })
  parseCniList(text, template)
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const temporary = `${folder}/.${FILE}.new`
  writeFileSync(temporary, text, { mode: 0o644 })
  renameSync(temporary, `${folder}/${FILE}`)
}
