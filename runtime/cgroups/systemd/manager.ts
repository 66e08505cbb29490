/** What is asked of systemd: org.freedesktop.systemd1(5). */
import { WherryError } from '../../errors.ts'
import { isErrno } from '../../sys/error.ts'
import { Bus, BusError } from './bus.ts'
import type { Property, Value, Variant } from './wire.ts'

const NAME = 'org.freedesktop.systemd1'
const PATH = '/org/freedesktop/systemd1'
const MANAGER = `${NAME}.Manager`
const DBUS = 'org.freedesktop.DBus'

/** How long a unit may take to start or stop. Milliseconds. */
const JOB_TIMEOUT = 30_000

interface Address {
  readonly path: string
  /** A bus is between us and systemd, which has to let us in. */
  readonly bus: boolean
}

/** unix:path=… of a list of addresses, D-Bus Specification "Server Addresses". */
const busPath = (addresses: string | undefined): string | undefined => {
  const path = addresses
    ?.split(';')
    .map((address) => /^unix:(?:.*,)?path=([^,]*)/.exec(address)?.[1])
    .find((found) => found !== undefined)
  return path === undefined ? undefined : decodeURIComponent(path)
}

const present = (addresses: readonly (Address | undefined)[]): readonly Address[] => addresses.filter((address) => address !== undefined)

/** Where the systemd of the machine, or of this user, listens; the straight way first, as systemctl(1) does. */
const addresses = (user: boolean): readonly Address[] => {
  const { XDG_RUNTIME_DIR: runtime, DBUS_SESSION_BUS_ADDRESS: session, DBUS_SYSTEM_BUS_ADDRESS: system } = process.env
  if (!user)
    return [
      { path: '/run/systemd/private', bus: false },
      { path: busPath(system) ?? '/run/dbus/system_bus_socket', bus: true },
    ]
  const bus = busPath(session)
  return present([
    runtime === undefined ? undefined : { path: `${runtime}/systemd/private`, bus: false },
    bus === undefined ? undefined : { path: bus, bus: true },
    runtime === undefined ? undefined : { path: `${runtime}/bus`, bus: true },
  ])
}

const isBusError = (error: unknown, name: string): boolean => error instanceof BusError && error.errorName === `${NAME}.${name}`

export class Manager {
  readonly #bus: Bus
  /** Results of jobs that ended, and who waits for one. */
  readonly #results = new Map<string, string>()
  readonly #waiting = new Map<string, (result: string) => void>()
  #version: number | undefined

  private constructor(bus: Bus) {
    this.#bus = bus
    bus.onSignal = (member, body) => {
      if (member === 'JobRemoved') this.#removed(String(body[1]), String(body[3]))
    }
  }

  /** Connects to the systemd of the machine, or of this user. Close it: an open one keeps the event loop alive. */
  static async open({ user }: { readonly user: boolean }): Promise<Manager> {
    const problems: string[] = []
    for (const { path, bus: isBus } of addresses(user)) {
      try {
        const bus = await Bus.open(path, NAME)
        if (isBus) {
          await bus.call({ path: '/org/freedesktop/DBus', interface: DBUS, member: 'Hello' }, DBUS)
          const match = `type='signal',sender='${NAME}',interface='${MANAGER}',member='JobRemoved'`
          await bus.call({ path: '/org/freedesktop/DBus', interface: DBUS, member: 'AddMatch', signature: 's', body: [match] }, DBUS)
          await bus.call({ path: PATH, interface: MANAGER, member: 'Subscribe' })
        }
        return new Manager(bus)
      } catch (error) {
        problems.push(
          `${path}: ${isErrno(error, 'ENOENT', 'ECONNREFUSED', 'EACCES') ? (error as NodeJS.ErrnoException).code : (error as Error).message}`,
        )
      }
    }
    const hint = user ? 'is there a user session with XDG_RUNTIME_DIR (loginctl enable-linger)?' : 'is systemd running and are you root?'
    throw new WherryError('unavailable', `cannot reach systemd: ${problems.join('; ') || 'XDG_RUNTIME_DIR is not set'} (${hint})`)
  }

  close(): void {
    this.#bus.close()
  }

  #call(member: string, signature: string, body: readonly Value[]): Promise<readonly Value[]> {
    return this.#bus.call({ path: PATH, interface: MANAGER, member, signature, body })
  }

  #removed(job: string, result: string): void {
    const waiting = this.#waiting.get(job)
    this.#waiting.delete(job)
    if (waiting === undefined) this.#results.set(job, result)
    else waiting(result)
  }

  /** A job's result, man page "Signals": `done`, `failed`, `timeout`, … */
  #result(job: string, unit: string): Promise<string> {
    const known = this.#results.get(job)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(job)
        reject(
          new WherryError(
            'deadline-exceeded',
            `systemd has not finished ${unit} after ${JOB_TIMEOUT / 1000} seconds: see systemctl list-jobs`,
          ),
        )
      }, JOB_TIMEOUT)
      this.#waiting.set(job, (result) => {
        clearTimeout(timer)
        resolve(result)
      })
    })
  }

  async property(name: string): Promise<Variant> {
    const [value] = await this.#bus.call({
      path: PATH,
      interface: `${DBUS}.Properties`,
      member: 'Get',
      signature: 'ss',
      body: [MANAGER, name],
    })
    return value as Variant
  }

  /** 252 of `252.38-1~deb12u1`. */
  async version(): Promise<number> {
    this.#version ??= Number(/\d+/.exec(String((await this.property('Version')).value))?.[0] ?? 0)
    return this.#version
  }

  async resetFailed(unit: string): Promise<void> {
    try {
      await this.#call('ResetFailedUnit', 's', [unit])
    } catch (error) {
      if (!isBusError(error, 'NoSuchUnit')) throw error
    }
  }

  async #start(unit: string, properties: readonly Property[]): Promise<string> {
    const [job] = await this.#call('StartTransientUnit', 'ssa(sv)a(sa(sv))', [unit, 'replace', properties as unknown as Value, []])
    return this.#result(String(job), unit)
  }

  /** Starts a transient unit and waits until it is there. */
  async start(unit: string, properties: readonly Property[]): Promise<void> {
    let result: string
    try {
      result = await this.#start(unit, properties)
    } catch (error) {
      if (!isBusError(error, 'UnitExists')) throw error
      // It may be one that failed earlier and that nobody has cleared away.
      await this.resetFailed(unit)
      result = await this.#start(unit, properties)
    }
    if (result === 'done') return
    await this.resetFailed(unit)
    throw new WherryError('unavailable', `systemd could not start ${unit}: ${result} (see journalctl -u ${unit})`)
  }

  /** Stops a unit and forgets that it failed. Does nothing where there is none. */
  async stop(unit: string): Promise<void> {
    try {
      const [job] = await this.#call('StopUnit', 'ss', [unit, 'replace'])
      await this.#result(String(job), unit)
    } catch (error) {
      if (!isBusError(error, 'NoSuchUnit')) throw error
    }
    await this.resetFailed(unit)
  }

  /** Until the next boot. */
  async setProperties(unit: string, properties: readonly Property[]): Promise<void> {
    await this.#call('SetUnitProperties', 'sba(sv)', [unit, true, properties as unknown as Value])
  }
}
