/** An error whose words its client looks at, and not at its code, which is UNKNOWN. It is expected, and no mistake of ours. */
export class SaidError extends Error {
  override readonly name = 'SaidError'
}
