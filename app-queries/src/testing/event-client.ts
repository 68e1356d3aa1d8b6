import { waitUntil } from '@feira/chassis/testing'
import { expect, onTestFinished } from 'vitest'

/** An event as its client receives it. */
export interface ReceivedEvent {
  readonly id: string
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A client of server-sent events that notes all that comes. */
export interface EventClient {
  readonly response: Response
  readonly events: readonly ReceivedEvent[]
  /** All that came, also comments. */
  readonly text: string
  readonly ended: Promise<void>
  /** Waits until so many events have come, and returns their types. */
  types(count: number): Promise<string[]>
  /** Breaks the connection off. */
  leave(): Promise<void>
}

/** Asks for a stream of events; the test's end breaks it off. */
export async function connect(url: string, headers: Record<string, string>): Promise<EventClient> {
  const connection = new AbortController()
  const response = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: connection.signal,
  })
  expect(response.status, url).toBe(200)
  let text = ''
  const events: ReceivedEvent[] = []
  const read = async () => {
    let rest = ''
    for await (const part of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      text += part
      const blocks = (rest + part).split('\n\n')
      rest = blocks.pop() ?? ''
      events.push(...blocks.filter(block => block.includes('\nevent: ')).map(parse))
    }
  }
  const ended = read().catch(() => {})
  const leave = async () => {
    connection.abort()
    await ended
  }
  onTestFinished(leave)
  return {
    response,
    events,
    get text() {
      return text
    },
    ended,
    async types(count) {
      await waitUntil(`${count} events have come`, () => events.length >= count)
      return events.map(({ event }) => event)
    },
    leave,
  }
}

function parse(block: string): ReceivedEvent {
  const { id, event, data } = /^id: (?<id>\d+)\nevent: (?<event>.+)\ndata: (?<data>.+)$/.exec(block)?.groups ?? {}
  if (id === undefined || event === undefined || data === undefined) throw new Error(`not an event: ${block}`)
  return { id, event, data: JSON.parse(data) as ReceivedEvent['data'] }
}
