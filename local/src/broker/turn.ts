import type { Journal } from './journal.ts'

/** Somebody who has bytes to send once everything they follow from is in the log. */
export interface Sender {
  flush(): void
}

/**
 * One turn of the event loop: everything the sockets and timers brought is worked through, then the log gets all changes
 * in one write, then the sockets get their answers. So no confirm, reply or delivery leaves before what it follows from
 * is kept, and a process killed in between has told nobody anything.
 */
export class Turn {
  readonly #journal: Journal
  readonly #senders = new Set<Sender>()
  #end: NodeJS.Immediate | undefined

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Has the log written at the end of this turn. */
  touch(): void {
    this.#end ??= setImmediate(() => this.finish())
  }

  /** Has `sender` flushed at the end of this turn. */
  join(sender: Sender): void {
    this.#senders.add(sender)
    this.touch()
  }

  /** @throws what the log throws; nothing is sent then, and the process had better end. */
  finish(): void {
    clearImmediate(this.#end)
    this.#end = undefined
    this.#journal.flush()
    const senders = [...this.#senders]
    this.#senders.clear()
    for (const sender of senders) sender.flush()
  }
}
