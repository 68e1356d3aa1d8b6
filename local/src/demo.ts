import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'amqplib'
import type { LocalConfig } from './config.ts'
import { requirePorts } from './ports.ts'
import { paint, showProgress } from './screen.ts'
import { startSystem } from './system.ts'

interface Order {
  readonly id: string
  readonly status: string
  readonly amount: number
}

interface Invoice {
  readonly number: string
  readonly status: string
  readonly amount: number
}

/** Plays one order from the request to its invoice, on the running system or on one started for the purpose. */
export async function playDemo(config: LocalConfig): Promise<void> {
  const gateway = `http://localhost:${config.GATEWAY_PORT}`
  const stop = (await answers(gateway)) ? undefined : await startForDemo(config)
  try {
    const brokerUrl = config.BROKER_URL ?? `amqp://guest:guest@127.0.0.1:${config.BROKER_PORT}`
    const quiet = await showMessages(brokerUrl, config.BROKER_NAMESPACE)
    await play(gateway)
    await quiet()
  } finally {
    await stop?.()
  }
}

async function answers(gateway: string): Promise<boolean> {
  const response = await fetch(`${gateway}/orders/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
  return response?.ok === true
}

async function startForDemo(config: LocalConfig): Promise<() => Promise<void>> {
  console.log('Nothing runs yet, so the demo starts the system and stops it afterwards.')
  await requirePorts(config, { infraOnly: false })
  const onCrash = (message: string) => console.error(message)
  const system = await startSystem(config, { processes: false, progress: showProgress, onCrash })
  return () => system.stop()
}

/** Prints every message on the exchange as it passes. @returns a function that stops. */
async function showMessages(url: string, namespace: string): Promise<() => Promise<void>> {
  const model = await connect(url)
  const channel = await model.createChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true })
  await channel.bindQueue(queue, `${namespace}feira.events`, '#')
  await channel.consume(
    queue,
    message => {
      if (!message) return
      const body = JSON.parse(message.content.toString()) as object
      const from = String(message.properties.appId)
      const line = `${paint('magenta', message.fields.routingKey.padEnd(16))} ${paint('dim', `from ${from}`)}`
      console.log(`      ${paint('magenta', '≋')} ${line}\n        ${paint('dim', JSON.stringify(body))}`)
    },
    { noAck: true },
  )
  return () => model.close()
}

async function play(gateway: string): Promise<void> {
  const key = randomUUID()
  const body = { amount: 29.99, userEmail: 'ana@example.com' }
  step('Ana orders for R$ 29.99')
  const startedAt = performance.now()
  const placed = await request(`${gateway}/orders`, { body, key })
  const order = placed.json as Order
  step('The order and its message were written in one transaction; the message travels on its own')
  const invoice = await untilInvoiced(gateway, order.id)
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(3)
  console.log(
    `      invoice ${paint('bold', invoice.number)}, ${invoice.status}, R$ ${invoice.amount}, ${seconds} s after the request`,
  )
  step('Ana is not sure that her request arrived and sends it again, with the same Idempotency-Key')
  const again = await request(`${gateway}/orders`, { body, key })
  console.log(`      the same order as before: ${(again.json as Order).id === order.id ? 'yes' : 'NO'}`)
  step('What happened to the order')
  await request(`${gateway}/orders/${order.id}/history`)
  step('Its one invoice')
  await request(`${gateway}/invoices?orderId=${order.id}`)
  const trace = placed.headers.get('x-trace-id') ?? ''
  console.log(`\n${paint(['bold', 'green'], 'Done.')} Everything above carries the trace id ${trace}.\n`)
}

async function untilInvoiced(gateway: string, orderId: string): Promise<Invoice> {
  const deadline = Date.now() + 15_000
  while (Date.now() < deadline) {
    const response = await fetch(`${gateway}/invoices?orderId=${orderId}`).catch(() => undefined)
    const { items } = response?.ok ? ((await response.json()) as { items: Invoice[] }) : { items: [] }
    if (items[0]) return items[0]
    await sleep(5)
  }
  throw new Error(`Order ${orderId} has no invoice after 15 s. Does app-invoices run?`)
}

function step(title: string): void {
  console.log(`\n  ${paint('bold', title)}`)
}

async function request(url: string, post?: { readonly body: object; readonly key: string }) {
  const path = new URL(url)
  const startedAt = performance.now()
  const response = await (post ? fetch(url, toRequest(post)) : fetch(url))
  const text = await response.text()
  const milliseconds = Math.round(performance.now() - startedAt)
  const sent = post ? ` ${JSON.stringify(post.body)}` : ''
  console.log(`      ${paint('cyan', `${post ? 'POST' : 'GET'} ${path.pathname}${path.search}${sent}`)}`)
  console.log(`      ${paint('green', String(response.status))} ${text} ${paint('dim', `${milliseconds} ms`)}`)
  if (!response.ok) throw new Error(`The request above failed.`)
  return { json: JSON.parse(text) as unknown, headers: response.headers }
}

function toRequest({ body, key }: { readonly body: object; readonly key: string }): RequestInit {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  return { method: 'POST', headers, body: JSON.stringify(body) }
}
