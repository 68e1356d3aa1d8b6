import { startService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from '../service.ts'
import { numbersTo, openInvoicing } from '../testing/invoicing.ts'
import { message, order, type Told } from '../testing/order-stories.ts'

// Both consumers, in two instances, on the same orders: they must neither deadlock nor miss each other.
test('creations and outcomes that race end as the orders did', async () => {
  await using invoices = await openInvoicing()
  const other = await startService(service, { ...invoices.env, PORT: '0' })
  try {
    await waitUntil('it takes messages', async () => (await other.http.inject('/ready')).statusCode === 200)
    const stories: Told[][] = [
      ['created'],
      ['created', 'paid'],
      ['created', 'cancelled'],
      ['created', 'paid', 'refunded'],
    ]
    const orders = Array.from({ length: 240 }, (_, index) => {
      return { about: order({ totalCents: index + 1 }), story: stories[index % 4] as Told[] }
    })
    const messages = orders.flatMap(({ about, story }) => story.map(what => message(what, about)))
    // Outcomes first in every other round, so that many overtake and all meet.
    for (let start = 0; start < messages.length; start += 40) {
      const some = messages.slice(start, start + 40)
      await invoices.burst(start % 80 === 0 ? some : some.toReversed())
    }
    await invoices.settled(messages.length)
    const rows = await invoices.sql('select order_id, status, number from invoices')
    const expected = { created: 'issued', paid: 'paid', cancelled: 'void', refunded: 'void' }
    const statuses = new Map(rows.map(row => [row['order_id'], row['status']]))
    for (const { about, story } of orders) expect(statuses.get(about.orderId)).toBe(expected[story.at(-1) as Told])
    expect(rows).toHaveLength(orders.length)
    expect(await invoices.numbers()).toEqual(numbersTo(240))
    expect(await invoices.sql('select * from invoice_marks')).toEqual([])
    expect(await invoices.sql('select * from chassis.dead_letters')).toEqual([])
    // Every version of every invoice has its one event.
    const versions = await invoices.sql(
      `select i.id from invoices i join chassis.outbox o on o.aggregate_id = i.id::text and o.aggregate_type = 'invoice'
       group by i.id, i.version having array_agg(o.aggregate_version order by o.aggregate_version)
         = array(select generate_series(1, i.version)::bigint)`,
    )
    expect(versions).toHaveLength(240)
  } finally {
    await other.stop()
  }
})
