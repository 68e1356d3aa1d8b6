import { newId } from '@feira/chassis'
import { asAdmin, asUser, startTestService, type TestService } from '@feira/chassis/testing'
import { invoiceIssued } from '@feira/contracts/invoices'
import { orderCancelled, orderCreated } from '@feira/contracts/orders'
import { userDeleted } from '@feira/contracts/users'
import { extractText, getDocumentProxy } from 'unpdf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

interface Operation {
  readonly responses: Record<string, { readonly content?: object }>
}

let invoices: TestService
const seller = {
  INVOICE_SELLER_NAME: 'Loja da Ana',
  INVOICE_SELLER_DETAILS: String.raw`Rua Augusta, 1000\nSão Paulo, SP`,
}

beforeAll(async () => {
  invoices = await startTestService(service, seller)
})
afterAll(() => invoices[Symbol.asyncDispose]())

/** Has an invoice issued. @returns its PDF's URL, its owner and its order. */
async function issue(fields: object = {}) {
  const order = { ...orderCreated.example, orderId: newId(), userId: newId(), ...fields }
  await invoices.deliver(orderCreated, order)
  const { items } = (
    await invoices.http.inject({ url: `/invoices?orderId=${order.orderId}`, headers: asAdmin() })
  ).json()
  return { order, owner: order.userId, invoice: items[0], url: `/invoices/${items[0].id}/pdf` }
}

const get = (url: string, headers: Record<string, string>) => invoices.http.inject({ url, headers })

async function textOf({ rawPayload }: Awaited<ReturnType<typeof get>>): Promise<string> {
  const { text } = await extractText(await getDocumentProxy(new Uint8Array(rawPayload)), { mergePages: true })
  return text.replaceAll(/\s+/g, ' ')
}

test('is a PDF named after the invoice, to be shown', async () => {
  const { url, owner, invoice } = await issue()
  const answer = await get(url, asUser(owner))
  expect(answer.statusCode).toBe(200)
  expect(answer.headers).toMatchObject({
    'content-type': 'application/pdf',
    'content-disposition': `inline; filename="invoice-${invoice.number}.pdf"`,
    'content-length': String(answer.rawPayload.length),
    etag: expect.stringMatching(/^"[\w-]{22}"$/),
  })
  expect(answer.rawPayload.subarray(0, 5).toString()).toBe('%PDF-')
  const text = await textOf(answer)
  expect(text).toContain(`Fatura ${invoice.number}`)
  expect(text).toContain('Loja da Ana')
  expect(text).toContain('Rua Augusta, 1000')
  expect(text).toContain('São Paulo, SP')
  expect(text).toContain('Ana Souza ana@example.com')
  expect(text).toContain('Café 250 g 1 R$ 29,99 R$ 29,99')
})

test('is described, and so is what every other operation answers when all is well', async () => {
  const { paths } = (await invoices.http.inject('/docs/json')).json<{
    paths: Record<string, Record<string, Operation>>
  }>()
  expect(paths['/invoices/{id}/pdf']?.['get']?.responses['200']?.content).toHaveProperty(['application/pdf'])
  const operations = Object.values(paths).flatMap(methods => Object.values(methods))
  expect(operations.length).toBeGreaterThan(8)
  for (const { responses } of operations) expect(Object.keys(responses).join(' ')).toMatch(/\b2\d\d\b/)
})

test('HEAD tells the same without a body', async () => {
  const { url, owner } = await issue()
  const { headers } = await get(url, asUser(owner))
  const head = await invoices.http.inject({ method: 'HEAD', url, headers: asUser(owner) })
  expect(head.headers).toMatchObject({ 'content-type': 'application/pdf', 'content-length': headers['content-length'] })
  expect(head.body).toBe('')
})

describe('who holds it already', () => {
  test('is told so', async () => {
    const { url, owner } = await issue()
    const first = await get(url, asUser(owner))
    const again = await get(url, { ...asUser(owner), 'if-none-match': String(first.headers.etag) })
    expect(again.statusCode).toBe(304)
    expect(again.body).toBe('')
    expect(again.headers.etag).toBe(first.headers.etag)
    expect((await get(url, asAdmin())).rawPayload.equals(first.rawPayload)).toBe(true)
  })

  test('gets the new one when the invoice has changed', async () => {
    const { url, owner, order } = await issue()
    const first = await get(url, asUser(owner))
    await invoices.deliver(orderCancelled, { ...orderCancelled.example, ...order, version: 2 })
    const again = await get(url, { ...asUser(owner), 'if-none-match': String(first.headers.etag) })
    expect(again.statusCode).toBe(200)
    expect(await textOf(again)).toContain('CANCELADA')
  })

  test('gets the new one when the customer was removed, though the version is the same', async () => {
    const { url, owner, invoice } = await issue()
    const first = await get(url, asAdmin())
    await invoices.deliver(userDeleted, { ...userDeleted.example, userId: owner })
    const again = await get(url, { ...asAdmin(), 'if-none-match': String(first.headers.etag) })
    expect(again.statusCode).toBe(200)
    const text = await textOf(again)
    expect(text).toContain(`Fatura ${invoice.number}`)
    expect(text).toContain('Cliente removido')
    expect(text).toContain('R$ 29,99')
    expect(text).not.toMatch(/Ana Souza|ana@example/)
  })
})

test('of a customer who reads English is in English, also once they are removed', async () => {
  const customer = { name: 'Ann', email: 'ann@example.com', locale: 'en' as const }
  const { url, owner } = await issue({ customer })
  expect(await textOf(await get(url, asUser(owner)))).toContain('Issued on')
  await invoices.deliver(userDeleted, { ...userDeleted.example, userId: owner })
  expect(await textOf(await get(url, asAdmin()))).toContain('Removed customer')
})

test('of a partner, who has no e-mail address, names the partner alone', async () => {
  const { url, order } = await issue({ customer: { name: 'Loja Azul', email: null } })
  const issued = (await invoices.published(invoiceIssued)).find(({ orderId }) => orderId === order.orderId)
  expect(issued?.customer).toEqual({ name: 'Loja Azul', email: null, locale: null })
  expect(await textOf(await get(url, asAdmin()))).toMatch(/Loja Azul(?! [^ ]*@)/)
})

test('many at once are all served', async () => {
  const { url, owner } = await issue()
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(url, asUser(owner))))
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 200))
})

test('of somebody else, or of nothing, is not there', async () => {
  const { url } = await issue()
  for (const path of [url, `/invoices/${newId()}/pdf`]) {
    const answer = await get(path, asUser(newId()))
    expect(answer.statusCode).toBe(404)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.json()).toMatchObject({ code: 'invoice-not-found' })
  }
})

test('by a malformed id is refused', async () => {
  const answer = await get('/invoices/2026-000001/pdf', asAdmin())
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'path', field: 'id' }] })
})
