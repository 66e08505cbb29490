/** SHA-256 of a short text, FIPS 180-4. node:crypto is loaded when it is asked for: it takes longer than a container to start. */

/** Hexadecimal. */
export const sha256 = (text: string): string => process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex')
