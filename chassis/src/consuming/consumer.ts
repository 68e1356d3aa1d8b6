import type { Message } from '@feira/contracts'
import type { Received, Resources, Transaction } from '../service.ts'

export interface ConsumerOptions {
  /** Pauses in milliseconds between the attempts of a failing handler; default `RETRY_DELAYS`. */
  readonly retryDelays?: readonly number[]
  /**
   * False for a queue that takes only what is sent to it by name (`tx.publish(…, { queue })`) and is not bound to the
   * exchange; default true.
   */
  readonly bound?: boolean
}

export interface PerformOptions extends ConsumerOptions {
  /** How many messages one process works on at a time. */
  readonly maxInFlight?: number
}

type Handle<M extends Message, Config> = (
  message: Received<M>,
  tx: Transaction,
  resources: Resources<Config>,
) => Promise<void>

type HandleBatch<M extends Message, Config> = (
  messages: readonly Received<M>[],
  tx: Transaction,
  resources: Resources<Config>,
) => Promise<void>

/** An effect outside the database, in three steps of which only the middle one can be cut short, and a way to give up. */
export interface Performance<M extends Message, Job, Result, Config> {
  /** Notes what is about to be done and returns it; `undefined` when there is nothing left to do. Runs again on a retry. */
  claim(message: Received<M>, tx: Transaction, resources: Resources<Config>): Promise<Job | undefined>
  /**
   * The effect. Throwing retries it; it may run twice if the process dies before `settle`.
   * @param signal aborts after `HANDLER_TIMEOUT`; the message is then retried, whether or not the effect ends.
   */
  act(job: Job, resources: Resources<Config>, signal: AbortSignal): Promise<Result>
  /** Notes that it is done, in the transaction that marks the message as handled. */
  settle(job: Job, result: Result, tx: Transaction, resources: Resources<Config>): Promise<void>
  /**
   * Notes that it will not be done, immediately before the message is parked as dead: its attempts are used up, a step
   * threw a `Rejection`, or it is suspected of killing its process. Runs once for each time that the message was claimed,
   * not for a message that is malformed. If it throws, that is logged and the message parked all the same.
   */
  giveUp?(message: Received<M>, error: unknown, tx: Transaction, resources: Resources<Config>): Promise<void>
}

/** One queue of a service, and what is done with its messages. A plain value: nothing happens until a service runs it. */
export type Consumer<Config = never> = TransactionalConsumer<Config> | PerformingConsumer<Config>

interface ConsumerIdentity extends ConsumerOptions {
  readonly name: string
  /** What its queue takes; anything else is malformed there. */
  readonly messages: readonly Message[]
}

/** One message type, or several that one queue takes. */
type OneOrSeveral<M extends Message> = M | readonly M[]

/** @returns texts by which only this person is known, if there are any. */
export type EraseOwn<Config = never> = (
  subjectId: string,
  tx: Transaction,
  resources: Resources<Config>,
) => Promise<readonly string[] | void>

export interface TransactionalConsumer<Config = never> extends ConsumerIdentity {
  readonly kind: 'each' | 'batch'
  /** Given only what fits `messages`. */
  readonly handle: HandleBatch<Message, Config>
  /** Set for a consumer that erases people: empties the service's own tables of one. */
  readonly erase?: EraseOwn<Config>
}

export interface PerformingConsumer<Config = never> extends ConsumerIdentity {
  readonly kind: 'perform'
  readonly maxInFlight: number
  readonly performance: Performance<Message, unknown, unknown, Config>
}

/**
 * Handles each message in a transaction, once: the message is already deduplicated, its effects and `tx.publish` commit
 * together or not at all. Throwing retries after a pause; throwing a `Rejection` parks the message at once.
 * @param name the queue's name after `<service>.`; part of the wire interface, so it never changes.
 * @param messages one type, or several: the `type` of what is received then tells which. Their order is not kept.
 */
export function consume<M extends Message, Config = unknown>(
  name: string,
  messages: OneOrSeveral<M>,
  handle: Handle<M, Config>,
  options: ConsumerOptions = {},
): TransactionalConsumer<Config> {
  const handleAll: HandleBatch<M, Config> = async ([only], tx, resources) => handle(only as Received<M>, tx, resources)
  return { ...options, kind: 'each', name, messages: listOf(messages), handle: ofAnything(handleAll) }
}

/**
 * Like {@link consume} for a hot queue: takes all messages at hand in one call, sorted by aggregate id, so that it can
 * write them with one statement. If it throws, it is called again for each message alone. Names the `cause` of each
 * message that it publishes.
 */
export function consumeBatch<M extends Message, Config = unknown>(
  name: string,
  messages: OneOrSeveral<M>,
  handle: HandleBatch<M, Config>,
  options: ConsumerOptions = {},
): TransactionalConsumer<Config> {
  return { ...options, kind: 'batch', name, messages: listOf(messages), handle: ofAnything(handle) }
}

/** Handles each message with an effect outside the database: an e-mail, a call to somebody else's server. */
export function perform<M extends Message, Job, Result, Config = unknown>(
  name: string,
  messages: OneOrSeveral<M>,
  performance: Performance<M, Job, Result, Config>,
  { maxInFlight = 10, ...options }: PerformOptions = {},
): PerformingConsumer<Config> {
  return {
    ...options,
    kind: 'perform',
    name,
    messages: listOf(messages),
    maxInFlight,
    performance,
  }
}

function listOf<M extends Message>(messages: OneOrSeveral<M>): readonly M[] {
  return 'type' in messages ? [messages] : messages
}

// A list of consumers is a list of handlers of different types; each is given only what its contracts admit.
function ofAnything<M extends Message, Config>(handle: HandleBatch<M, Config>): HandleBatch<Message, Config> {
  return handle as unknown as HandleBatch<Message, Config>
}
