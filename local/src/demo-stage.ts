import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'amqplib'
import { paint } from './screen.ts'

/** What the demo was answered. */
export interface Answer {
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Headers
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly body?: object
  readonly token?: string
  readonly key?: string
  /** Asks without showing it. */
  readonly quiet?: boolean
}

/** Prints the heading of the next step. */
export function step(title: string): void {
  console.log(`\n  ${paint('bold', title)}`)
}

/** Prints what the step led to. */
export function show(text: string): void {
  console.log(`      ${text}`)
}

/** Sends a request to the gateway and shows it with its answer. @throws when it is refused. */
export async function call(url: string, { method, body, token, key, quiet = false }: Call = {}): Promise<Answer> {
  const { pathname, search } = new URL(url)
  const verb = method ?? (body ? 'POST' : 'GET')
  const startedAt = performance.now()
  const response = await fetch(url, {
    method: verb,
    headers: {
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await response.text()
  const milliseconds = Math.round(performance.now() - startedAt)
  if (!quiet) {
    show(paint('cyan', `${verb} ${pathname}${search}${body ? ` ${withoutSecrets(body)}` : ''}`))
    show(
      `${paint('green', String(response.status))} ${clip(withoutSecrets(text))} ${paint('dim', `${milliseconds} ms`)}`,
    )
  }
  if (!response.ok) throw new Error(`${verb} ${pathname} was answered ${response.status}: ${text}`)
  const json = response.headers.get('content-type')?.includes('json') && text !== ''
  return { body: json ? (JSON.parse(text) as Answer['body']) : {}, headers: response.headers }
}

/** Asks until there is an answer other than undefined, at most 15 s. @throws naming what was waited for. */
export async function until<Found>(what: string, look: () => Promise<Found | undefined>): Promise<Found> {
  const deadline = Date.now() + 15_000
  while (Date.now() < deadline) {
    const found = await look()
    if (found !== undefined) return found
    await sleep(5)
  }
  throw new Error(`Waited 15 s in vain until ${what}. Do all services run?`)
}

/** Prints every message on the exchange as it passes. @returns a function that stops. */
export async function showMessages(url: string, namespace: string): Promise<() => Promise<void>> {
  const model = await connect(url)
  const channel = await model.createChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true })
  await channel.bindQueue(queue, `${namespace}feira.events`, '#')
  await channel.consume(
    queue,
    message => {
      if (!message) return
      const from = String(message.properties.appId)
      const line = `${paint('magenta', message.fields.routingKey.padEnd(20))} ${paint('dim', `from ${from}`)}`
      show(`${paint('magenta', '≋')} ${line} ${paint('dim', factsOf(message.content.toString()))}`)
    },
    { noAck: true },
  )
  return () => model.close()
}

function withoutSecrets(what: object | string): string {
  const text = typeof what === 'string' ? what : JSON.stringify(what)
  return text.replaceAll(/"(password|access_token|refresh_token)":"[^"]*"/g, '"$1":"…"')
}

/** What tells one message from another; the whole of it would fill the screen. */
function factsOf(content: string): string {
  const body = JSON.parse(content) as Record<string, unknown>
  const telling = ['orderId', 'productId', 'number', 'version', 'available', 'reserved', 'to', 'template', 'subject']
  const facts = telling.filter(name => ['string', 'number'].includes(typeof body[name]))
  return facts.map(name => `${name} ${body[name] as string | number}`).join(', ')
}

function clip(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
