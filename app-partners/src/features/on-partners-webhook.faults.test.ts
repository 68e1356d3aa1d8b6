import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from '../service.ts'
import { openTarget, statuses } from '../testing/target.ts'
import { impatient, openTelling, tellerOf, type Telling } from '../testing/telling.ts'
import { laneWidth } from '../webhooks/lanes.ts'

/** How many partners have a breaker in each state. */
async function breakersOf({ resources }: Telling): Promise<Record<string, number>> {
  const metric = await resources.metrics.getSingleMetric('circuit_breaker_state')?.get()
  const values = metric?.values.filter(({ labels }) => labels['name'] === 'webhook') ?? []
  return Object.fromEntries(values.map(({ labels, value }) => [labels['state'], value]))
}

test('a target that hangs holds up no other partner, and has a bounded number of requests', async () => {
  await using telling = await openTelling({ WEBHOOK_TIMEOUT: '20s' })
  await using hanging = await openTarget()
  await using quick = await openTarget()
  const held: (() => void)[] = []
  hanging.answer = (_told, response) => void held.push(() => response.end())
  const slowPartner = await telling.partner(hanging.url)
  for (let event = 0; event < 3 * laneWidth; event++) await telling.tell(slowPartner)
  await waitUntil('it hangs as often as it may', () => hanging.told.length === laneWidth)
  const startedAt = performance.now()
  const id = await telling.tell(await telling.partner(quick.url))
  await telling.becomes(id, 'delivered')
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(hanging.told).toHaveLength(laneWidth)
  // Those that wait for their turn have not used up an attempt.
  expect(await telling.sql('select 1 from delivery_attempts where number > 1')).toEqual([])
  hanging.answer = statuses(200)
  for (const release of held) release()
  const pending = `select 1 from deliveries where status = 'pending'`
  await waitUntil('all are told', async () => (await telling.sql(pending)).length === 0)
  expect(await telling.sql(`select 1 from deliveries where status = 'delivered'`)).toHaveLength(3 * laneWidth + 1)
})

test('a target that keeps failing is not asked for a while, then asked again', async () => {
  await using telling = await openTelling({}, impatient([20]))
  await using target = await openTarget()
  await using other = await openTarget()
  target.answer = statuses(500)
  const partnerId = await telling.partner(target.url)
  for (let event = 0; event < 4; event++) await telling.becomes(await telling.tell(partnerId), 'failed')
  expect(await breakersOf(telling)).toEqual({ closed: 0, open: 1, 'half-open': 0 })
  const asked = target.told.length
  const id = await telling.tell(partnerId)
  await telling.becomes(id, 'failed')
  expect(target.told).toHaveLength(asked)
  expect((await telling.attemptsOf(id))[0]).toMatchObject({
    httpStatus: null,
    error: 'Not sent: the target failed too often a moment ago.',
  })
  const neighbour = await telling.tell(await telling.partner(other.url))
  await telling.becomes(neighbour, 'delivered')
  target.answer = statuses(200)
  await waitUntil('it is asked again', async () => {
    const next = await telling.tell(partnerId)
    await waitUntil('the next has ended', async () => (await telling.statusOf(next)) !== 'pending')
    return (await telling.statusOf(next)) === 'delivered'
  })
  expect(await breakersOf(telling)).toEqual({ closed: 2, open: 0, 'half-open': 0 })
})

test('answers that refuse are no sign of a target that is down', async () => {
  await using telling = await openTelling({}, impatient([]))
  await using target = await openTarget()
  target.answer = statuses(404)
  const partnerId = await telling.partner(target.url)
  for (let event = 0; event < 8; event++) await telling.becomes(await telling.tell(partnerId), 'failed')
  expect(target.told).toHaveLength(8)
  expect(await breakersOf(telling)).toMatchObject({ closed: 1, open: 0 })
})

test('a process that dies before it has noted what it told leads to a second attempt under the same id', async () => {
  await using telling = await openTelling({}, service)
  await using target = await openTarget()
  const partnerId = await telling.partner(target.url)
  await telling.stop()
  const child = spawn(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url))], {
    env: { ...telling.env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(child, 'exit')
  target.answer = () => void child.kill('SIGKILL')
  // With others than its own consumers there is nobody but the child to take the work.
  const observer = await startService({ ...service, consumers: [] }, { ...telling.env })
  const teller = tellerOf(observer)
  try {
    const id = await teller.tell(partnerId)
    await exited
    target.answer = statuses(200)
    const heir = await startService(service, { ...telling.env })
    try {
      await teller.becomes(id, 'delivered')
    } finally {
      await heir.stop()
    }
    expect(target.about(id)).toHaveLength(2)
    expect(target.told.map(({ body }) => body)).toEqual(Array(2).fill(target.told[0]?.body))
    expect(await teller.attemptsOf(id)).toMatchObject([
      { number: 1, delivered: null, endedAt: null },
      { number: 2, delivered: true },
    ])
  } finally {
    child.kill('SIGKILL')
    await observer.stop()
  }
})
