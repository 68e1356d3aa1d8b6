import { until } from './until.ts'

/** An event of a stream, as https://html.spec.whatwg.org/multipage/server-sent-events.html has it. */
export interface StreamEvent {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: string
}

export interface StreamOptions {
  readonly headers: Readonly<Record<string, string>>
  /** The id of the last event that was seen, to go on after it. */
  readonly after?: string | undefined
}

/** A client of server-sent events that notes all that comes. */
export class EventStream {
  readonly events: StreamEvent[] = []
  readonly #connection: AbortController
  readonly #reading: Promise<void>

  private constructor(response: Response, connection: AbortController) {
    this.#connection = connection
    this.#reading = this.#read(response).catch(() => {})
  }

  /** Returns when the answer has begun. @throws when it is not a stream of events. */
  static async open(url: string, { headers, after }: StreamOptions): Promise<EventStream> {
    const connection = new AbortController()
    const resume = after === undefined ? {} : { 'last-event-id': after }
    const response = await fetch(url, {
      headers: { ...headers, ...resume, accept: 'text/event-stream' },
      signal: connection.signal,
    })
    const type = response.headers.get('content-type')
    if (response.status === 200 && type?.startsWith('text/event-stream')) return new EventStream(response, connection)
    connection.abort()
    throw new Error(`${url} was answered ${response.status} ${type}`)
  }

  /** The data of all events, as JSON. */
  get data(): Record<string, unknown>[] {
    return this.events.map(({ data }) => JSON.parse(data) as Record<string, unknown>)
  }

  /** Waits until an event has come whose data fit. */
  untilData(what: string, fits: (data: Record<string, unknown>) => boolean): Promise<unknown> {
    return until(`the stream tells ${what}`, () => this.data.some(fits))
  }

  /** Breaks the connection off, as a network does. */
  async breakOff(): Promise<void> {
    this.#connection.abort()
    await this.#reading
  }

  async #read(response: Response): Promise<void> {
    let rest = ''
    for await (const text of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split('\n\n')
      rest = blocks.pop() ?? ''
      this.events.push(...blocks.flatMap(parse))
    }
  }
}

/** Nothing for a comment, such as a heartbeat. */
function parse(block: string): StreamEvent[] {
  const fields = block.split('\n').map(line => /^([a-z]+): ?(.*)$/.exec(line))
  const valuesOf = (name: string) => fields.flatMap(field => (field?.[1] === name ? [field[2] as string] : []))
  const data = valuesOf('data')
  return data.length === 0 ? [] : [{ id: valuesOf('id')[0], event: valuesOf('event')[0], data: data.join('\n') }]
}
