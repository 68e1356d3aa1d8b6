import { setTimeout as sleep } from 'node:timers/promises'

/** A server-sent event, as https://html.spec.whatwg.org/multipage/server-sent-events.html has it. */
export interface ServerEvent {
  /** Its own, or that of the last event that had one. */
  readonly id: string
  readonly data: string
}

/** There is no stream; the message says why. */
export class StreamRefused extends Error {
  /** Whether asking again would change nothing. */
  readonly lasting: boolean

  constructor(message: string, lasting: boolean) {
    super(message)
    this.name = 'StreamRefused'
    this.lasting = lasting
  }
}

export interface FollowOptions {
  readonly url: string
  /** Asked for at each connection, because a stream may last longer than its token. */
  readonly token: () => Promise<string>
  /** Ends it. */
  readonly signal: AbortSignal
  /** Called when the connection is lost, before it is made again. */
  readonly onLost: () => void
}

/** How to go on. */
interface Place {
  lastId: string
  /** Milliseconds until the next connection; the server may say otherwise. */
  retry: number
}

/**
 * The events of a stream. A connection that is lost is made again, after the last event that came.
 * @throws StreamRefused, and what `token` throws, when the first connection fails or a later one for good.
 */
export async function* follow(options: FollowOptions): AsyncGenerator<ServerEvent> {
  const { signal, onLost } = options
  const place = { lastId: '', retry: 2_000 }
  for (let connected = false; !signal.aborted;) {
    try {
      const body = await connect(options, place.lastId)
      connected = true
      yield* read(body, place)
    } catch (error) {
      if (signal.aborted) return
      if (!connected || (error instanceof StreamRefused && error.lasting)) throw error
    }
    onLost()
    await sleep(place.retry, undefined, { signal }).catch(() => {})
  }
}

async function connect({ url, token, signal }: FollowOptions, lastId: string): Promise<ReadableStream<Uint8Array>> {
  const headers = {
    accept: 'text/event-stream',
    authorization: `Bearer ${await token()}`,
    ...(lastId === '' ? {} : { 'last-event-id': lastId }),
  }
  const { origin, pathname } = new URL(url)
  const response = await fetch(url, { headers, signal }).catch(() => {
    throw new StreamRefused(`Nothing answers at ${origin}. Is the system running? \`npm start\` starts it.`, false)
  })
  if (response.ok && response.body) return response.body
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: string }
  const message = `${pathname} was answered ${response.status}: ${detail ?? 'no reason given'}`
  throw new StreamRefused(message, response.status < 500)
}

async function* read(body: ReadableStream<Uint8Array>, place: Place): AsyncGenerator<ServerEvent> {
  let rest = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) yield* parse(block, place)
  }
}

/** Nothing for a comment, such as a heartbeat. */
function* parse(block: string, place: Place): Generator<ServerEvent> {
  const data: string[] = []
  for (const line of block.split('\n')) {
    const { name, value = '' } = /^(?<name>\w+): ?(?<value>.*)$/.exec(line)?.groups ?? {}
    if (name === 'data') data.push(value)
    if (name === 'id') place.lastId = value
    if (name === 'retry') place.retry = Number(value)
  }
  if (data.length > 0) yield { id: place.lastId, data: data.join('\n') }
}
