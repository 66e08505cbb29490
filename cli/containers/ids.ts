/** Ids of containers: 64 hexadecimal digits; people see the first twelve. */
import { randomBytes } from '../../runtime/sys/random.ts'

export { randomBytes }

const BYTES = 32
const SHOWN = 12

/** Never of digits alone in what is shown: that would be taken for a number, as docker says. */
export const newId = (): string => {
  for (;;) {
    const id = randomBytes(BYTES).toString('hex')
    if (!/^\d+$/.test(id.slice(0, SHOWN))) return id
  }
}

export const isId = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

export const shortId = (id: string): string => id.slice(0, SHOWN)
