/** A password or token that shows itself to nobody who does not ask for it by name: not to logs, messages, JSON or console. */
import { inspect } from 'node:util'

const HIDDEN = '[secret]'

export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** Only for what goes to the registry or helper it was found for. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}

/** `text` without the secrets, should someone else have written them into it. */
export const withoutSecrets = (text: string, secrets: readonly Secret[]): string =>
  secrets.reduce((rest, secret) => (secret.reveal() === '' ? rest : rest.replaceAll(secret.reveal(), HIDDEN)), text)
