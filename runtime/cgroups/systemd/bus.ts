/** A connection to a message bus or straight to systemd: D-Bus Specification, "Authentication Protocol" and "Message Protocol". */
import { connect, type Socket } from 'node:net'
import { WherryError } from '../../errors.ts'
import { decodeMessage, encodeMessage, ERROR, type Message, METHOD_CALL, METHOD_RETURN, messageLength, SIGNAL, type Value } from './wire.ts'

/** An error that the other side answered: `org.freedesktop.systemd1.UnitExists`. */
export class BusError extends Error {
  override readonly name = 'BusError'
  readonly errorName: string

  constructor(member: string, errorName: string, text: string) {
    super(`systemd refuses ${member}: ${text === '' ? errorName : text} (${errorName})`)
    this.errorName = errorName
  }
}

export interface Call {
  readonly path: string
  readonly interface: string
  readonly member: string
  readonly signature?: string
  readonly body?: readonly Value[]
}

export type Signal = (member: string, body: readonly Value[]) => void

interface Pending {
  readonly member: string
  readonly resolve: (body: readonly Value[]) => void
  readonly reject: (error: Error) => void
}

/** No message of ours is answered with more; a length is not believed beyond it. Bytes. */
const LONGEST = 1 << 24

/** The peer's credentials are those of the socket, so that no uid is told: one in a user namespace would be wrong. */
const AUTHENTICATE = '\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n'
const AUTHENTICATED = /^DATA\r\nOK [0-9a-f]*\r\n/

export class Bus {
  readonly #socket: Socket
  readonly #destination: string
  readonly #pending = new Map<number, Pending>()
  readonly #connected: (problem: Error | undefined) => void
  #bytes = Buffer.alloc(0)
  #ready = false
  #serial = 0
  #ended: Error | undefined
  onSignal: Signal = () => {}

  private constructor(socket: Socket, destination: string, connected: (problem: Error | undefined) => void) {
    this.#socket = socket
    this.#destination = destination
    this.#connected = connected
    socket.on('data', (bytes) => {
      try {
        this.#receive(bytes)
      } catch (error) {
        this.#end(error as Error)
      }
    })
    socket.on('connect', () => socket.write(AUTHENTICATE))
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end(new Error('the connection was closed')))
  }

  /**
   * Connects to the socket `path`. Rejects with the error of connect(2), or of authentication. Nothing is sent before that is
   * through: systemd would not look at a message that came along with its last line until another one comes.
   */
  static open(path: string, destination: string): Promise<Bus> {
    return new Promise((resolve, reject) => {
      const bus = new Bus(connect(path), destination, (problem) => (problem === undefined ? resolve(bus) : reject(problem)))
    })
  }

  #end(error: Error): void {
    this.#ended ??= error
    this.#socket.destroy()
    this.#connected(error)
    for (const { member, reject } of this.#pending.values())
      reject(new WherryError('unavailable', `no answer of systemd to ${member}: ${this.#ended.message}`, { cause: this.#ended }))
    this.#pending.clear()
  }

  #receive(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    if (!this.#ready) {
      const text = this.#bytes.toString('latin1')
      const [accepted] = AUTHENTICATED.exec(text) ?? []
      if (accepted === undefined) {
        if (text.includes('REJECTED') || text.includes('ERROR')) throw new Error('the connection was refused: another user’s systemd')
        return
      }
      this.#ready = true
      this.#bytes = this.#bytes.subarray(accepted.length)
      this.#connected(undefined)
    }
    for (;;) {
      const length = messageLength(this.#bytes)
      if (length !== undefined && length > LONGEST) throw new Error(`a message of ${length} bytes`)
      if (length === undefined || this.#bytes.length < length) return
      // A copy starts at offset 0, which is what alignment counts from.
      const message = decodeMessage(Buffer.from(this.#bytes.subarray(0, length)))
      this.#bytes = this.#bytes.subarray(length)
      this.#dispatch(message)
    }
  }

  #dispatch({ type, fields, body }: Message): void {
    if (type === SIGNAL) this.onSignal(String(fields.member), body)
    const pending = this.#pending.get(Number(fields.replySerial))
    if (pending === undefined) return
    this.#pending.delete(Number(fields.replySerial))
    if (type === METHOD_RETURN) pending.resolve(body)
    else if (type === ERROR)
      pending.reject(new BusError(pending.member, String(fields.errorName), typeof body[0] === 'string' ? body[0] : ''))
  }

  /** The values of the answer. Rejects with BusError, or `unavailable` when the connection ends. */
  call({ path, interface: name, member, signature = '', body = [] }: Call, destination = this.#destination): Promise<readonly Value[]> {
    return new Promise((resolve, reject) => {
      const serial = ++this.#serial
      this.#pending.set(serial, { member, resolve, reject })
      if (this.#ended !== undefined) return this.#end(this.#ended)
      this.#socket.write(
        encodeMessage({ type: METHOD_CALL, serial, fields: { path, interface: name, member, destination, signature }, body }),
      )
    })
  }

  close(): void {
    this.#end(new Error('the connection was closed'))
  }
}
