import { extractText, getDocumentProxy, getMeta } from 'unpdf'
import { describe, expect, test } from 'vitest'
import type { Letterhead, PrintedInvoice } from './printed-invoice.ts'
import { renderInvoice } from './render-invoice.ts'

const letterhead: Letterhead = {
  sellerName: 'Feira Comércio Ltda.',
  sellerDetails: ['Rua Augusta, 1000', 'CNPJ 00.000.000/0001-00'],
  timeZone: 'America/Sao_Paulo',
}

const issued: PrintedInvoice = {
  number: '2026-000042',
  orderId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d',
  status: 'issued',
  customer: { name: 'Ana Conceição', email: 'ana@example.com' },
  locale: 'pt-BR',
  items: [
    { name: 'Pão de açúcar', quantity: 2, unitPriceCents: 1_050 },
    { name: 'Ελληνικός καφές', quantity: 1, unitPriceCents: 121_356 },
    { name: 'Русский чай', quantity: 3, unitPriceCents: 0 },
  ],
  totalCents: 123_456,
  currency: 'BRL',
  issuedAt: new Date('2026-11-22T01:00:00Z'),
  paidAt: null,
  voidedAt: null,
}

const itemsNamed = (...names: string[]) => names.map(name => ({ name, quantity: 1, unitPriceCents: 100 }))

/** The text of each page, with plain spaces. */
async function pagesOf(fields: Partial<PrintedInvoice> = {}, head = letterhead): Promise<string[]> {
  const bytes = await renderInvoice({ ...issued, ...fields }, head)
  const { text } = await extractText(await getDocumentProxy(new Uint8Array(bytes)))
  return text.map(page => page.replaceAll(/\s+/g, ' '))
}

describe('a printed invoice', () => {
  test('shows number, date, seller, customer, order, lines and total, with all accents and alphabets', async () => {
    const [page, ...others] = await pagesOf()
    expect(others).toEqual([])
    // 22:00 of the day before in São Paulo.
    for (const text of ['Fatura 2026-000042', 'Emitida em: 21 de novembro de 2026', 'Situação: Em aberto']) {
      expect(page).toContain(text)
    }
    for (const text of ['Feira Comércio Ltda.', 'Rua Augusta, 1000', 'CNPJ 00.000.000/0001-00', issued.orderId]) {
      expect(page).toContain(text)
    }
    expect(page).toContain('Cliente Ana Conceição ana@example.com')
    expect(page).toContain('Pão de açúcar 2 R$ 10,50 R$ 21,00')
    expect(page).toContain('Ελληνικός καφές 1 R$ 1.213,56 R$ 1.213,56')
    expect(page).toContain('Русский чай 3 R$ 0,00 R$ 0,00')
    expect(page).toContain('Total R$ 1.234,56')
    expect(page).toContain('Página 1 de 1')
    expect(page).not.toMatch(/CANCELADA|PAGA/)
  })

  test('in English for who reads that', async () => {
    const [page] = await pagesOf({ locale: 'en' })
    for (const text of ['Invoice 2026-000042', 'Issued on: November 21, 2026', 'Status: Open', 'Total R$1,234.56']) {
      expect(page).toContain(text)
    }
    expect(page).toContain('Page 1 of 1')
  })

  test('of an order of an amount alone has one line', async () => {
    expect((await pagesOf({ items: [] }))[0]).toContain('Pedido 1 R$ 1.234,56 R$ 1.234,56')
    expect((await pagesOf({ items: [], locale: 'en' }))[0]).toContain('Order 1 R$1,234.56 R$1,234.56')
  })

  test.each([
    ['removed', 'pt-BR', 'Cliente removido'],
    ['removed', 'en', 'Removed customer'],
    ['unknown', 'pt-BR', 'Cliente não identificado'],
  ] as const)('of a customer %s (%s) says so', async (customer, locale, words) => {
    const [page] = await pagesOf({ customer, locale })
    expect(page).toContain(words)
    expect(page).not.toContain('Ana')
  })

  test('that is paid says so, and when', async () => {
    const paid = { status: 'paid', paidAt: new Date('2026-11-23T12:00:00Z') } as const
    expect((await pagesOf(paid))[0]).toContain('PAGA em 23 de novembro de 2026')
    expect((await pagesOf({ ...paid, locale: 'en' }))[0]).toContain('PAID on November 23, 2026')
  })

  test('has a title, an author and a language', async () => {
    const { info } = await getMeta(await getDocumentProxy(new Uint8Array(await renderInvoice(issued, letterhead))))
    expect(info).toMatchObject({
      Title: 'Fatura 2026-000042',
      Author: 'Feira Comércio Ltda.',
      CreationDate: 'D:20261122010000Z',
      Language: 'pt-BR',
    })
  })
})

describe('many lines', () => {
  const items = itemsNamed(...Array.from({ length: 200 }, (_, index) => `Produto nº ${index + 1}`))

  test('go on over pages, each with a table head and its number, none left out', async () => {
    const pages = await pagesOf({ items })
    expect(pages.length).toBeGreaterThan(3)
    for (const [index, page] of pages.entries()) {
      expect(page).toContain('Descrição Qtd. Preço unitário Valor')
      expect(page).toContain(`Página ${index + 1} de ${pages.length}`)
    }
    const printed = pages.flatMap(page => page.match(/Produto nº \d+/g) ?? [])
    expect(printed).toEqual(items.map(({ name }) => name))
    expect(pages.filter(page => page.includes('Total R$'))).toEqual([pages.at(-1)])
  })

  test.each([
    ['pt-BR', 'CANCELADA'],
    ['en', 'VOID'],
  ] as const)('of a void invoice are stamped on every page (%s)', async (locale, stamp) => {
    const pages = await pagesOf({ items, locale, status: 'void', voidedAt: new Date('2026-11-23T12:00:00Z') })
    for (const page of pages) expect(page).toContain(stamp)
    expect(pages[0]).toContain(locale === 'en' ? 'Void since November 23, 2026' : 'Cancelada em 23 de novembro de 2026')
  })

  test('do not keep the process from other work for long', async () => {
    await renderInvoice(issued, letterhead)
    let turns = 0
    const count = () => {
      turns++
      pending = setImmediate(count)
    }
    let pending = setImmediate(count)
    await renderInvoice({ ...issued, items }, letterhead)
    clearImmediate(pending)
    expect(turns).toBeGreaterThan(3)
  })
})

test('the same invoice has the same bytes, whatever was printed in between; another has others', async () => {
  const first = await renderInvoice(issued, letterhead)
  await renderInvoice({ ...issued, items: itemsNamed('Ωμέγα\u00A0', 'ß') }, letterhead)
  expect((await renderInvoice(issued, letterhead)).equals(first)).toBe(true)
  const other = await renderInvoice({ ...issued, customer: 'removed' }, letterhead)
  expect(other.equals(first)).toBe(false)
})

describe('hostile names', () => {
  const names: Record<string, string> = {
    'very long without spaces': 'x'.repeat(10_000),
    'very long': 'palavra '.repeat(1_250),
    'very long, of one script without spaces': '漢'.repeat(10_000),
    controls: '\u0000\u0007\u001B[31m\r\n\t\u0085',
    'right to left': '\u202Eمرحبا بالعالم שלום\u202C',
    emoji: '😀👨‍👩‍👧‍👦🏳️‍🌈',
    'many accents': `Z${'\u0337\u0321\u0345'.repeat(3_000)}`,
    'half a character': '\ud800 \udc00',
    nothing: '',
    spaces: ' \u00A0 ',
    'PDF syntax': ') Tj ET /Root << \\ (%%EOF',
  }

  test.each(Object.entries(names))('%s: the invoice is whole', async (_what, name) => {
    const customer = { name, email: name }
    const head = { ...letterhead, sellerName: name, sellerDetails: Array.from({ length: 6 }, () => name) }
    const pages = await pagesOf({ customer, items: [...itemsNamed(name), ...issued.items] }, head)
    expect(pages).toHaveLength(1)
    expect(pages[0]).toContain('Fatura 2026-000042')
    expect(pages[0]).toContain('Pão de açúcar 2 R$ 10,50 R$ 21,00')
    expect(pages[0]).toContain('Total R$ 1.234,56')
  })

  test('all of them, 200 times, are printed in time', { timeout: 20_000 }, async () => {
    const all = Object.values(names)
    const items = itemsNamed(...Array.from({ length: 200 }, (_, index) => `${index} ${all[index % all.length]}`))
    const pages = await pagesOf({ items })
    expect(pages.at(-1)).toContain('Total R$ 1.234,56')
  })

  test('a long one is cut, visibly, and goes over lines', async () => {
    const [page] = await pagesOf({ items: itemsNamed(`Início ${'palavra '.repeat(1_250)}`) })
    expect(page).toMatch(/Início (palavra )+palavra…/)
  })
})
