import { once } from 'node:events'
import type { FastifyReply } from 'fastify'

/** The answer to a client that listens until one of both leaves. */
export interface EventStream {
  readonly closed: boolean
  /** Sends text at once, whole events each time. A client that leaves 1 MiB unread is cut off. */
  send(text: string): void
  /** Waits until the client has read what it was sent, or has gone. */
  drained(): Promise<void>
  /** Ends the answer, as a client expects that will connect again. */
  end(): void
}

export interface EventStreamOptions {
  /** Milliseconds between comments that keep the connection alive. */
  readonly heartbeat: number
  /** When the stream ends by itself, in milliseconds since 1970. */
  readonly until: number
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  vary: 'accept',
  // For nginx and what is made of it: do not collect, pass on.
  'x-accel-buffering': 'no',
}

/** After how many milliseconds a client connects again; said at the beginning, so that the headers leave at once. */
const opening = 'retry: 2000\n\n'
/** Bytes that may wait for a client that does not read. */
const maxUnread = 1_048_576
/** Milliseconds that a client has to take the end of its stream. */
const patience = 500
const longestTimeout = 2 ** 31 - 1

/**
 * Answers with server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), from here on outside
 * of Fastify: there is no end that hooks could wait for. Whoever opens streams ends them when the service stops, and gives
 * their routes no HEAD. To be called while the client is there.
 */
export function openEventStream(reply: FastifyReply, { heartbeat, until }: EventStreamOptions): EventStream {
  const { raw } = reply.headers(headers).hijack()
  raw.writeHead(200, reply.getHeaders() as Record<string, string>)

  const stream: EventStream = {
    get closed() {
      return raw.destroyed || raw.writableEnded
    },
    send(text) {
      if (stream.closed) return
      raw.write(text)
      if (raw.writableLength > maxUnread) raw.destroy()
    },
    async drained() {
      const closed = new AbortController()
      if (stream.closed || !raw.writableNeedDrain) return
      await Promise.race([once(raw, 'drain', closed), once(raw, 'close', closed)]).finally(() => closed.abort())
    },
    end() {
      raw.end()
      const cutOff = setTimeout(() => raw.destroy(), patience)
      raw.once('close', () => clearTimeout(cutOff))
    },
  }
  const stopBeating = beat(stream, raw, heartbeat)
  const expiry = setTimeout(() => stream.end(), Math.min(longestTimeout, Math.max(0, until - Date.now()))).unref()
  raw.once('close', () => {
    stopBeating()
    clearTimeout(expiry)
  })
  stream.send(opening)
  return stream
}

/** Keeps what lies in between from taking the connection for dead, and cuts off who has read nothing for a whole beat. */
function beat(stream: EventStream, raw: FastifyReply['raw'], heartbeat: number): () => void {
  let stalled = false
  raw.on('drain', () => (stalled = false))
  const timer = setInterval(() => {
    if (stalled) raw.destroy()
    stalled = raw.writableNeedDrain
    if (!stalled) stream.send(':\n\n')
  }, heartbeat).unref()
  return () => clearInterval(timer)
}
