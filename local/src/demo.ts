import { randomUUID } from 'node:crypto'
import type { LocalConfig } from './config.ts'
import { call, show, showMessages, step, until, type Answer } from './demo-stage.ts'
import { requirePorts } from './ports.ts'
import { paint, showProgress } from './screen.ts'
import { startSystem } from './system.ts'
import { signIn } from './token.ts'

/** Plays the whole shop, from the catalogue to the e-mails, on the running system or on one started for the purpose. */
export async function playDemo(config: LocalConfig): Promise<void> {
  const gateway = `http://localhost:${config.GATEWAY_PORT}`
  const stop = (await answers(gateway)) ? undefined : await startForDemo(config)
  try {
    const brokerUrl = config.BROKER_URL ?? `amqp://guest:guest@127.0.0.1:${config.BROKER_PORT}`
    const quiet = await showMessages(brokerUrl, config.BROKER_NAMESPACE)
    await play(gateway, config)
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

interface Shop {
  readonly gateway: string
  readonly admin: string
  readonly ana: string
  readonly email: string
  readonly productId: string
  readonly config: LocalConfig
}

async function play(gateway: string, config: LocalConfig): Promise<void> {
  const shop = await openShop(gateway, config)
  const traceId = await buy(shop)
  await changeHerMind(shop)
  await readTheMail(shop)
  console.log(
    `\n${paint(['bold', 'green'], 'Done.')} The first order and all that followed carry the trace id ${traceId}.\n`,
  )
}

async function openShop(gateway: string, config: LocalConfig): Promise<Shop> {
  // Another name each time, so that the demo can be played again.
  const mark = randomUUID().slice(0, 8)
  const email = `ana.${mark}@example.com`
  step('The admin signs in and puts a product with 10 pieces into the catalogue')
  const admin = await signIn(gateway, 'admin', 'admin')
  const product = { sku: `CAFE-${mark}`, name: 'Café da Serra 250 g', price: 29.9, stock: 10, category: 'coffee' }
  const { body } = await call(`${gateway}/products`, { body: product, token: admin })
  step('Ana registers and signs in')
  await call(`${gateway}/users`, { body: { name: 'Ana Souza', email, password: 'correct horse battery' } })
  const ana = await signIn(gateway, email, 'correct horse battery')
  return { gateway, config, admin, ana, email, productId: String(body['id']) }
}

async function buy(shop: Shop): Promise<string> {
  const { gateway, admin, ana, productId } = shop
  const key = randomUUID()
  const order = { items: [{ productId, quantity: 2 }] }
  step('Ana orders two; the order and its messages are written in one transaction and travel on their own')
  const placed = await call(`${gateway}/orders`, { body: order, token: ana, key })
  const url = `${gateway}/orders/${String(placed.body['id'])}`
  await untilStatus(url, ana, 'reserved')
  await showStock(shop)
  const invoice = await untilInvoice(shop, String(placed.body['id']), 'issued')
  show(`invoice ${paint('bold', String(invoice['number']))}, ${String(invoice['status'])}`)
  step('Ana is not sure that her request arrived and sends it again, with the same Idempotency-Key')
  const again = await call(`${gateway}/orders`, { body: order, token: ana, key })
  show(`the same order as before: ${again.body['id'] === placed.body['id'] ? 'yes' : 'NO'}`)
  step('She pays; the admin ships and completes')
  await call(`${url}/pay`, { method: 'POST', token: ana, key: randomUUID() })
  await call(`${url}/status`, { method: 'PATCH', body: { status: 'shipped' }, token: admin })
  await call(`${url}/complete`, { method: 'POST', token: admin })
  step('The invoice is paid, and can be printed')
  const paid = await untilInvoice(shop, String(placed.body['id']), 'paid')
  const pdf = await call(`${gateway}/invoices/${String(paid['id'])}/pdf`, { token: ana, quiet: true })
  show(`invoice ${String(paid['number'])} is ${String(paid['status'])}; PDF, ${pdf.headers.get('content-type')}`)
  step('What happened to the order')
  await call(`${url}/history`, { token: ana })
  return placed.headers.get('x-trace-id') ?? ''
}

async function changeHerMind(shop: Shop): Promise<void> {
  const { gateway, ana, productId } = shop
  step('Ana orders three more and changes her mind')
  const placed = await call(`${gateway}/orders`, {
    body: { items: [{ productId, quantity: 3 }] },
    token: ana,
    key: randomUUID(),
  })
  const id = String(placed.body['id'])
  await untilStatus(`${gateway}/orders/${id}`, ana, 'reserved')
  await showStock(shop)
  await call(`${gateway}/orders/${id}/cancel`, { body: { reason: 'found some at home' }, token: ana })
  step('Her stock comes back, and the invoice is void')
  await until('the stock is back', async () => ((await stockOf(shop))['reserved'] === 0 ? true : undefined))
  await showStock(shop)
  const voided = await untilInvoice(shop, id, 'void')
  show(`invoice ${String(voided['number'])} is ${String(voided['status'])}`)
}

async function readTheMail({ gateway, admin, email, config }: Shop): Promise<void> {
  step('What Ana was told')
  const list = `${gateway}/notifications?recipient=${encodeURIComponent(email)}&limit=100`
  const sent = await until('her e-mails are sent', async () => {
    const { items } = (await call(list, { token: admin, quiet: true })).body as { items: Answer['body'][] }
    const about = items.map(item => item['template'])
    return about.includes('order-cancelled') && items.every(item => item['status'] === 'sent') ? items : undefined
  })
  for (const item of sent.toReversed()) show(`${String(item['sentAt'])}  ${String(item['subject'])}`)
  if (config.SMTP_URL === undefined) show(paint('dim', `readable at http://localhost:${config.MAIL_UI_PORT}`))
}

async function untilStatus(url: string, token: string, status: string): Promise<void> {
  await until(`the order is ${status}`, async () => {
    const { body } = await call(url, { token, quiet: true })
    return body['status'] === status ? true : undefined
  })
}

function untilInvoice({ gateway, ana }: Shop, orderId: string, status: string): Promise<Answer['body']> {
  return until(`order ${orderId} has an invoice that is ${status}`, async () => {
    const { body } = await call(`${gateway}/invoices?orderId=${orderId}`, { token: ana, quiet: true })
    const [invoice] = body['items'] as Answer['body'][]
    return invoice?.['status'] === status ? invoice : undefined
  })
}

async function stockOf({ gateway, productId }: Shop): Promise<Answer['body']> {
  return (await call(`${gateway}/products/${productId}`, { quiet: true })).body
}

async function showStock(shop: Shop): Promise<void> {
  const { stock, reserved } = await stockOf(shop)
  show(`stock: ${String(stock)} available, ${String(reserved)} reserved`)
}
