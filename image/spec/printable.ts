/** Strangers’ text before a person’s eyes. */

/** Made when it is used: to look up what such characters are takes longer than to read them. */
let unprintable: RegExp | undefined

/** On one line, with what would move the cursor, change colours or the direction of writing as escapes: `\u001b`. */
export const printable = (text: string): string => {
  unprintable ??= /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
  return text.replace(unprintable, (char) => {
    if (char === '\t') return ' '
    if (char === '\n') return '\\n'
    return char.length === 1 ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : `\\u{${char.codePointAt(0)!.toString(16)}}`
  })
}

/** In double quotes and escaped, cut to `most` characters: how strangers’ text stands in messages. */
export const quoted = (text: string, most = 80): string => printable(JSON.stringify(text.length > most ? `${text.slice(0, most)}…` : text))
