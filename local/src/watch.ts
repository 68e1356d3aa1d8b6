import { follow } from './event-source.ts'
import { paint } from './screen.ts'
import { signIn } from './token.ts'

export interface WatchOptions {
  /** The gateway's address. */
  readonly url: string
  /** Whose timeline; undefined for all orders. */
  readonly orderId: string | undefined
  /** An access token; undefined to sign in as the admin of development. */
  readonly token: string | undefined
  readonly signal: AbortSignal
  /** Prints one line. */
  readonly print: (line: string) => void
}

interface TimelineEvent {
  readonly type: string
  readonly orderId: string
  readonly service: string
  readonly note: string | null
  readonly at: string
  readonly lagMs: number
  readonly traceId: string
}

/** An order to which nothing more is expected to happen. */
const finalStates = ['order.completed', 'order.cancelled', 'order.refunded']
/** Milliseconds in which what a final state leads to has come. */
const afterwards = 3_000

/**
 * Prints what happens to an order, or to all, one line each, until the signal aborts; of one order, also until it has come
 * to its end and nothing has followed for 3 s.
 * @throws StreamRefused, SignInFailed
 */
export async function watch({ url, orderId, token, signal, print }: WatchOptions): Promise<void> {
  const finished = new AbortController()
  let silence: NodeJS.Timeout | undefined
  const events = follow({
    url: orderId === undefined ? `${url}/q/timeline` : `${url}/q/orders/${encodeURIComponent(orderId)}/timeline`,
    token: async () => token ?? signIn(url, 'admin', 'admin'),
    signal: AbortSignal.any([signal, finished.signal]),
    onLost: () => print(paint('dim', '· the connection was lost and is made again')),
  })
  for await (const { data } of events) {
    const event = JSON.parse(data) as TimelineEvent
    print(lineOf(event, orderId === undefined))
    const isOver = silence !== undefined || finalStates.includes(event.type)
    clearTimeout(silence)
    if (isOver && orderId !== undefined) silence = setTimeout(() => finished.abort(), afterwards)
  }
  clearTimeout(silence)
}

function lineOf({ type, orderId, service, note, at, lagMs, traceId }: TimelineEvent, ofMany: boolean): string {
  const columns = [
    timeOf(at),
    paint('dim', `+${lagMs} ms`.padStart(9)),
    ...(ofMany ? [orderId] : []),
    paint('cyan', service.padEnd(13)),
    paint('magenta', type.padEnd(19)),
    (note ?? '').padEnd(21),
    paint('dim', traceId),
  ]
  return columns.join('  ')
}

/** On this machine's clock, e.g. `14:03:21.042`. */
function timeOf(at: string): string {
  const moment = new Date(at)
  return `${moment.toLocaleTimeString('en-GB')}.${String(moment.getMilliseconds()).padStart(3, '0')}`
}
