import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dateAndTime, locales, money } from './format.ts'
import { html } from './html.ts'
import type { FactsOf, TemplateName } from './letter.ts'
import { languages, render } from './render.ts'

const byName = (a = '', b = '') => a.localeCompare(b)
const hostile = `<script>alert("x")</script>' & "quoted"`
const order = {
  name: 'Ana',
  orderId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d',
  order: '2A3C4D',
  items: [{ name: hostile, quantity: '2', price: 'R$ 29,99' }],
  total: 'R$ 59,98',
  date: '21 de novembro de 2026 às 09:00',
  reason: hostile,
}
const facts: FactsOf = {
  'order-created': order,
  'order-reserved': order,
  'order-paid': order,
  'order-shipped': order,
  'order-completed': order,
  'order-cancelled': order,
  'order-refunded': order,
  'invoice-issued': {
    name: hostile,
    orderId: order.orderId,
    number: '2026-000042',
    total: 'R$ 59,98',
    date: order.date,
  },
  'user-created': { name: hostile, email: hostile },
}
const names = Object.keys(facts) as TemplateName[]
const every = locales.flatMap(locale => names.map(name => [locale, name] as const))

test('there is no letter in a language that another lacks', () => {
  expect(Object.keys(languages)).toEqual([...locales])
  for (const locale of locales) expect(Object.keys(languages[locale].letters).toSorted()).toEqual(names.toSorted())
  expect(every).toHaveLength(18)
})

describe.each(every)('in %s, %s', (locale, name) => {
  const { subject, text, html } = render(name, facts[name], locale)

  test('says all in both parts', () => {
    const said = name === 'user-created' ? [] : [order.orderId, 'R$ 59,98']
    for (const part of [text, html]) for (const word of said) expect(part).toContain(word)
    expect(subject).not.toMatch(/undefined|null|\[object/)
    expect(text).not.toMatch(/undefined|null|\[object/)
    expect(html).not.toMatch(/undefined|\[object/)
  })

  test('escapes what comes from outside', () => {
    expect(html).not.toContain('<script')
    expect(html).not.toContain('"quoted"')
    expect(html.includes('&lt;script&gt;')).toBe(text.includes('<script>'))
  })

  test('is a whole document that stays readable in the dark', () => {
    expect(html).toMatch(new RegExp(`^<!doctype html>\\s*<html lang="${locale}">`))
    expect(html).toContain('name="color-scheme" content="light dark"')
    expect(html).toContain('prefers-color-scheme: dark')
    expect(html.trimEnd()).toMatch(/<\/html>$/)
    const opened = [...html.matchAll(/<(table|tr|td|th|p|h1)\b/g)].map(([, tag]) => tag).toSorted(byName)
    const closed = [...html.matchAll(/<\/(table|tr|td|th|p|h1)>/g)].map(([, tag]) => tag).toSorted(byName)
    expect(opened).toEqual(closed)
  })

  test('differs from its translations', () => {
    for (const other of locales.filter(each => each !== locale))
      expect(render(name, facts[name], other).subject).not.toBe(subject)
  })
})

test('values in HTML are escaped, HTML is not', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), value => {
      const { source } = html`<b title="${value}">${html`<i>${value}</i>`}</b>`
      expect(source).toMatch(/^<b title="[^<>"']*"><i>[^<>"']*<\/i><\/b>$/)
    }),
  )
})

test('amounts and dates are written as the reader writes them', () => {
  const plain = (text: string) => text.replaceAll(/\s/g, ' ')
  expect(plain(money(123_456_789, 'BRL', 'pt-BR'))).toBe('R$ 1.234.567,89')
  expect(plain(money(123_456_789, 'BRL', 'en'))).toBe('R$1,234,567.89')
  expect(plain(money(5, 'USD', 'en'))).toBe('$0.05')
  expect(plain(dateAndTime('2026-11-22T01:30:00Z', 'pt-BR', 'America/Sao_Paulo'))).toBe(
    '21 de novembro de 2026 às 22:30',
  )
  expect(plain(dateAndTime('2026-11-22T01:30:00Z', 'en', 'UTC'))).toBe('November 22, 2026 at 1:30 AM')
})
