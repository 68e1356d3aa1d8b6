import { perform, Rejection, type Consumer, type Received, type Resources, type Transaction } from '@feira/chassis'
import type { Payload } from '@feira/contracts'
import {
  notificationFailed,
  notificationSent,
  type notificationsEmail,
  type notificationsSms,
} from '@feira/contracts/notifications'
import type { Config } from '../config.ts'
import type { Outcome } from '../domain/notification.ts'
import { isRecipient } from '../domain/recipient.ts'
import { publishWork } from './outgoing.ts'
import {
  beginAttempt,
  noteFailed,
  noteFailure,
  noteOrder,
  noteSent,
  releaseNotification,
  type Notification,
  type Order,
} from './ledger.ts'

export type Sending = 'sent' | 'away'
export type Work = typeof notificationsEmail | typeof notificationsSms

/** How the notifications of one channel are sent. */
export interface Delivery<M extends Work> {
  readonly message: M
  /** The queue for normal ones, and anything that comes over the exchange. */
  readonly queue: string
  /** The queue for those that must not wait behind others. */
  readonly urgentQueue: string
  /** How many of a queue one process sends at a time. */
  readonly maxInFlight: number
  /** Pauses in milliseconds between the attempts. */
  readonly retryDelays: readonly number[]
  orderOf(message: Received<M>): Order
  /**
   * @returns `away` when nobody could take it now: it is put back, which is no failure of its own.
   * @throws AttemptFailure, a `Rejection` when it can never be sent, or anything.
   */
  send(notification: Notification, resources: Resources<Config>, signal: AbortSignal): Promise<Sending>
}

/** An attempt that failed, and whether the notification may have been handed over all the same. */
export class AttemptFailure extends Error {
  readonly outcome: Exclude<Outcome, 'sent'>

  constructor(outcome: Exclude<Outcome, 'sent'>, cause: Error) {
    super(cause.message, { cause })
    this.name = 'AttemptFailure'
    this.outcome = outcome
  }
}

/** The two consumers of a channel: what is urgent has a queue, and hands, of its own. */
export function workersOf<M extends Work>(delivery: Delivery<M>): Consumer<Config>[] {
  const { message, queue, urgentQueue, maxInFlight, retryDelays } = delivery
  const options = { maxInFlight, retryDelays }
  return [
    perform(queue, message, performance(delivery, 'normal'), options),
    perform(urgentQueue, message, performance(delivery, 'urgent'), { ...options, bound: false }),
  ]
}

function performance<M extends Work>(delivery: Delivery<M>, lane: 'normal' | 'urgent') {
  return {
    async claim(message: Received<M>, tx: Transaction): Promise<Notification | undefined> {
      const order = delivery.orderOf(message)
      // Whoever it was for has been erased.
      if (order.recipient === null || order.text === null) return undefined
      if (lane === 'normal' && order.priority === 'high') {
        const queue = `notifications.${delivery.urgentQueue}`
        tx.publish(delivery.message, message.data as Payload<M>, { queue })
        return undefined
      }
      requireRecipient(order)
      await noteOrder(tx, order)
      return beginAttempt(tx, order, message.id)
    },

    async act(notification: Notification, resources: Resources<Config>, signal: AbortSignal): Promise<Sending> {
      try {
        return await delivery.send(notification, resources, signal)
      } catch (error) {
        const outcome = error instanceof AttemptFailure ? error.outcome : 'failed'
        await resources.transact(tx => noteFailure(tx, notification, outcome, textOf(error)))
        throw error
      }
    },

    async settle(notification: Notification, sending: Sending, tx: Transaction): Promise<void> {
      if (sending === 'away') {
        const released = await releaseNotification(tx, notification, `the ${notification.channel} server was away`)
        return publishWork(tx, released)
      }
      const sent = await noteSent(tx, notification)
      tx.publish(notificationSent, { ...toEvent(sent), sentAt: sent.sentAt.toISOString() })
    },

    async giveUp(message: Received<M>, error: unknown, tx: Transaction): Promise<void> {
      const order = delivery.orderOf(message)
      if (order.recipient === null) return
      // Who could not be written to is kept as far as it can be shown.
      await noteOrder(tx, { ...order, recipient: order.recipient.slice(0, 320) })
      const failed = await noteFailed(tx, order, message.id, textOf(error))
      if (!failed) return
      tx.publish(notificationFailed, {
        ...toEvent(failed),
        reason: error instanceof Rejection ? error.code : 'attempts-exhausted',
        failedAt: failed.failedAt.toISOString(),
      })
    },
  }
}

function requireRecipient({ channel, recipient }: Order): void {
  if (recipient !== null && isRecipient(channel, recipient)) return
  throw new Rejection(
    'invalid-recipient',
    422,
    `this is not ${channel === 'email' ? 'an e-mail address' : 'a phone number'}`,
  )
}

/** What readers may know of a notification. */
export function toEvent(row: Notification) {
  const { id: notificationId, version, userId, orderId, channel, template, recipient } = row
  return { notificationId, version, userId, orderId, channel, template, recipient }
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1_000)
}
