/** Making strangers’ words fit to be printed: bounded, on one line, without secrets. */

/** Control characters, line and paragraph separators, and what reverses the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu

/** At most so many characters, on one line, with URLs redacted. */
export const clean = (text: string, most = 200): string => {
  // what is cut is not looked at: the text may be megabytes
  const line = redactURLs(text.slice(0, 4 * most))
    .replace(UNPRINTABLE, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
  const characters = [...line]
  return characters.length > most ? `${characters.slice(0, most).join('')}…` : line
}

/** Without user, password, query and fragment: presigned addresses carry their signature there. */
export const redact = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`

const redactURLs = (text: string): string =>
  text.replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>\\]+/gi, (found) => (URL.canParse(found) ? redact(new URL(found)) : '(address)'))

/** `1.5 s`, `2 min`; for messages. */
export const duration = (milliseconds: number): string =>
  milliseconds < 120_000 ? `${Math.round(milliseconds / 100) / 10} s` : `${Math.round(milliseconds / 60_000)} min`
