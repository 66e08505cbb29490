/** What happens to networks and volumes, in docker's words, for `wherry events`. */
import { appendEvent } from '../containers/events.ts'
import type { Home } from '../containers/home.ts'
import { timeNow } from '../containers/times.ts'

export const emitNetwork = (
  { root }: Home,
  action: 'create' | 'destroy' | 'connect' | 'disconnect',
  name: string,
  id: string,
  attributes: Readonly<Record<string, string>> = {},
): void => appendEvent(root, { time: timeNow(), type: 'network', action, id, attributes: { name, ...attributes } })

export const emitVolume = ({ root }: Home, action: 'create' | 'destroy', name: string): void =>
  appendEvent(root, { time: timeNow(), type: 'volume', action, id: name, attributes: { driver: 'local' } })
