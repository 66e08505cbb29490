/** One line of comma-separated fields, RFC 4180: a field in double quotes may have commas, and quotes that are doubled. */

/** Undefined where the quotes do not match. */
export const splitCsv = (text: string): readonly string[] | undefined => {
  const fields: string[] = []
  for (let at = 0; ; at++) {
    if (text[at] !== '"') {
      const end = text.indexOf(',', at)
      const field = end < 0 ? text.slice(at) : text.slice(at, end)
      if (field.includes('"')) return undefined
      fields.push(field)
      if (end < 0) return fields
      at = end
      continue
    }
    let field = ''
    for (at++; ; at++) {
      if (at >= text.length) return undefined
      if (text[at] === '"') {
        if (text[at + 1] !== '"') break
        at++
      }
      field += text[at]
    }
    fields.push(field)
    at++
    if (at === text.length) return fields
    if (text[at] !== ',') return undefined
  }
}
