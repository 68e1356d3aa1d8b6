import type { Entry } from './message.ts'
import type { Queue } from './queue.ts'

/** The side of a channel that a consumer needs. */
export interface Recipient {
  /** Whether its connection takes deliveries at the moment. */
  readonly receptive: boolean
  deliver(consumer: Consumer, entry: Entry): void
  consumerCancelled(consumer: Consumer): void
}

export interface ConsumerOptions {
  readonly tag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  /** Unacknowledged messages at most; `Infinity` without a limit. */
  readonly prefetch: number
}

export class Consumer {
  readonly options: ConsumerOptions
  readonly queue: Queue
  readonly recipient: Recipient
  /** Deliveries not yet settled. */
  unsettled = 0

  constructor(options: ConsumerOptions, queue: Queue, recipient: Recipient) {
    this.options = options
    this.queue = queue
    this.recipient = recipient
  }

  get ready(): boolean {
    return this.unsettled < this.options.prefetch && this.recipient.receptive
  }
}
