import { newId, startService, type RunningService } from '@feira/chassis'
import { asPartner, waitUntil } from '@feira/chassis/testing'
import { orderReserved } from '@feira/contracts/orders'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { service } from '../service.ts'
import { aSale, aStockUpdate, startIntake, type Intake } from '../testing/intake.ts'

let intake: Intake
let replica: RunningService

beforeAll(async () => {
  intake = await startIntake({ PARTNER_ANSWER_TIMEOUT: '500ms', PARTNER_RETRY_DELAYS: '50ms,50ms,50ms,50ms,50ms,30s' })
  replica = await startService(service, intake.env)
})
afterAll(async () => {
  await replica.stop()
  await intake[Symbol.asyncDispose]()
})

const query = async <Row extends Record<string, unknown>>(text: string) =>
  (await intake.resources.query<Row>({ text })).rows
const count = async (text: string) => (await query<{ count: number }>(`select count(*)::int from ${text}`))[0]?.count

/** Answers every command that was sent so far, as app-orders would: each time it is told, with the same. */
async function answerAll(): Promise<void> {
  const commands = await query<{ eventId: string }>(
    `select payload->>'eventId' as "eventId" from chassis.outbox where type = 'partner.sale' order by random()`,
  )
  await intake.resources.transact(async tx => {
    for (const { eventId } of commands) {
      const origin = { partnerId: newId(), eventId }
      tx.publish(orderReserved, { ...orderReserved.example, orderId: eventId, origin })
    }
  })
}

test('of 1,000 events that nobody answers for a while none is lost, and each is completed once', async () => {
  const partners = Array.from({ length: 20 }, () => asPartner(newId()))
  const batches = partners.map(headers =>
    intake.send(
      'POST',
      '/batch',
      Array.from({ length: 50 }, () => aSale),
      headers,
    ),
  )
  for (const answer of await Promise.all(batches)) expect(answer.json()).toMatchObject({ accepted: 50 })
  // Every one is commanded again before anybody answers.
  const twice = `(select aggregate_id from chassis.outbox where type = 'partner.sale' group by 1 having count(*) > 1) as t`
  await waitUntil('every command is repeated', async () => (await count(twice)) === 1_000, 25_000)
  await answerAll()
  await waitUntil('all are completed', async () => (await count(`events where state = 'completed'`)) === 1_000)
  expect(await count('events')).toBe(1_000)
  expect(await count(`event_steps where state = 'completed'`)).toBe(1_000)
  const lastStep = 'select state from event_steps where event_id = events.id order by number desc limit 1'
  expect(await count(`events where state <> (${lastStep})`)).toBe(0)
  expect(await count('chassis.dead_letters')).toBe(0)
}, 60_000)

test('the metrics of both replicas together count every event once, whatever its retries', async () => {
  const id = await intake.accepted(aStockUpdate)
  await intake.becomes(id, 'retrying')
  await intake.adjusted(id)
  const counted = async (name: string, type: string) => {
    const lines = await Promise.all([intake, replica].map(({ resources }) => resources.metrics.metrics()))
    return lines
      .join('\n')
      .split('\n')
      .filter(line => line.startsWith(`${name}{`) && line.includes(`type="${type}"`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }
  await waitUntil('it is counted', async () => (await counted('events_processed_total', 'stock-update')) === 1)
  expect(await counted('events_received_total', 'sale')).toBe(1_000)
  expect(await counted('events_processed_total', 'sale')).toBe(1_000)
  expect(await counted('processing_duration_seconds_count', 'sale')).toBe(1_000)
  expect(await counted('events_failed_total', 'sale')).toBe(0)
  expect(await counted('processing_duration_seconds_sum', 'sale')).toBeGreaterThan(500)
  expect(await counted('events_received_total', 'stock-update')).toBe(1)
})
