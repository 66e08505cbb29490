/** Which descriptors a program is started with, and under which numbers. */
import type { Placement } from '../sys/spawn.ts'

export class Descriptors {
  readonly placements: Placement[] = []
  #next: number

  /** @param inherited how many descriptors, from 0 on, the program gets under the numbers they have here; those that are open. */
  constructor(inherited: number, isOpen: (fd: number) => boolean = () => true) {
    for (let fd = 0; fd < inherited; fd += 1) if (isOpen(fd)) this.placements.push({ from: fd, to: fd })
    this.#next = inherited
  }

  /** Gives the program `fd` of this process; returns its number there. */
  add(fd: number): number {
    const to = this.#next
    this.#next += 1
    this.placements.push({ from: fd, to })
    return to
  }

  /** The first number above all: what is open from here on came from whoever started us. */
  get end(): number {
    return this.#next
  }
}
