/** What made a layer, as people wrote it: without what builders put around it. */

const SHELL = /^(?:\|\d+ (?:\S+=\S* )*)?\/bin\/(?:ba|a)?sh -c\s+/
const NOTHING = /^#\(nop\)\s+/

/** `/bin/sh -c #(nop)  CMD ["sh"]` → `CMD ["sh"]`, `/bin/sh -c apk add curl # buildkit` → `RUN apk add curl`. */
export const layerCommand = (createdBy: string): string => {
  const text = createdBy.replace(/\s*# buildkit$/, '').trim()
  const behind = text.replace(/^RUN\s+/, '').replace(SHELL, '')
  if (NOTHING.test(behind)) return behind.replace(NOTHING, '')
  const shell = behind !== text.replace(/^RUN\s+/, '')
  return (shell ? `RUN ${behind}` : text).replace(/\s+/g, ' ')
}
