import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { newId, startService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { notificationsEmail, notificationsSms } from '@feira/contracts/notifications'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { office, service, worker } from '../service.ts'
import { email, startMailing, withDelays, type Mailing } from '../testing/mailing.ts'

let mailing: Mailing

beforeEach(async () => {
  // The pauses of the service itself: what a fault costs must not depend on short ones.
  mailing = await startMailing({}, service)
})
afterEach(() => mailing[Symbol.asyncDispose]())

/** Publishes work through the outbox, in one burst, and does not wait for it. */
async function publish(works: readonly (typeof notificationsEmail.example)[]): Promise<void> {
  await mailing.notifications.resources.transact(async tx => {
    for (const work of works) tx.publish(notificationsEmail, work)
  })
}

const sent = async () =>
  Number((await mailing.sql(`select count(*) from notifications where status = 'sent'`))[0]?.['count'])
const many = (number: number, fields = {}) =>
  Array.from({ length: number }, () => email(`${newId()}@example.com`, fields))

async function breakerState(): Promise<string | undefined> {
  const metric = await mailing.notifications.resources.metrics.getSingleMetric('circuit_breaker_state')?.get()
  return metric?.values.find(({ value }) => value === 1)?.labels['state'] as string | undefined
}

/** Holds the mail server's answers back. @returns a function that lets them go. */
function holdAnswers(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  mailing.mail.gate = () => promise
  return () => {
    mailing.mail.gate = () => {}
    resolve()
  }
}

test('while the mail server is away nothing is lost, nothing sent twice, no attempt used up', async () => {
  const before = many(5)
  await publish(before)
  await waitUntil('the first are sent', async () => (await sent()) === 5)
  await mailing.mail.stop()
  const during = many(40)
  await publish(during)
  await waitUntil('the circuit breaker is open', async () => (await breakerState()) === 'open')
  expect((await mailing.notifications.http.inject('/ready')).statusCode).toBe(200)
  await mailing.mail.start()
  await waitUntil('all are sent', async () => (await sent()) === 45)
  const recipients = mailing.mail.received.map(({ recipient }) => recipient)
  expect(recipients.toSorted()).toEqual([...before, ...during].map(({ to }) => to ?? '').toSorted())
  expect(await mailing.sql('select distinct attempts from notifications')).toEqual([{ attempts: 1 }])
  expect(await breakerState()).toBe('closed')
})

test('a stop while the mail server is away does not wait for it, and loses nothing', async () => {
  await mailing.mail.stop()
  await publish(many(5))
  await waitUntil('the circuit breaker is open', async () => (await breakerState()) === 'open')
  const startedAt = performance.now()
  await mailing.notifications.stop()
  expect(performance.now() - startedAt).toBeLessThan(3_000)
  await mailing.mail.start()
  const other = await startService(service, { ...mailing.notifications.env, PORT: '0' })
  try {
    const count = async () =>
      (await other.resources.query({ text: `select 1 from notifications where status = 'sent'` })).rowCount
    await waitUntil('all are sent', async () => (await count()) === 5)
    expect(mailing.mail.received).toHaveLength(5)
  } finally {
    await other.stop()
  }
})

test('an urgent e-mail overtakes a backlog, also when it comes by the normal queue', async () => {
  const release = holdAnswers()
  await publish(many(60))
  await waitUntil('the workers are busy', () => mailing.mail.received.length === 3)
  mailing.mail.gate = () => {}
  const urgent = email('urgent@example.com', { priority: 'high' })
  await mailing.notifications.resources.transact(async tx =>
    tx.publish(notificationsEmail, urgent, { queue: 'notifications.email-workers-high' }),
  )
  await waitUntil('the urgent one is sent', async () => (await sent()) === 1)
  expect(mailing.mail.to('urgent@example.com')).toHaveLength(1)
  const misplaced = email('misplaced@example.com', { priority: 'high' })
  await publish([misplaced])
  release()
  await waitUntil('all are sent', async () => (await sent()) === 62)
  expect(mailing.mail.to('misplaced@example.com')).toHaveLength(1)
  const handled = await mailing.sql(
    `select count(*)::int as count from chassis.processed_messages where consumer like '%email-workers-high'`,
  )
  expect(handled).toEqual([{ count: 2 }])
})

test('two replicas share the work, each e-mail is sent once', async () => {
  const other = await startService(worker, { ...mailing.notifications.env, PORT: '0' })
  try {
    const works = many(60)
    // Each is published twice, by messages of its own.
    await publish([...works, ...works.toReversed()])
    const handled = `select count(*)::int as count from chassis.processed_messages where consumer like '%email-workers'`
    await waitUntil('all are handled', async () => (await mailing.sql(handled))[0]?.['count'] === 120)
    expect(mailing.mail.received.map(({ recipient }) => recipient).toSorted()).toEqual(
      works.map(({ to }) => to ?? '').toSorted(),
    )
    const metric = await other.resources.metrics.getSingleMetric('messages_handled_total')?.get()
    expect(
      metric?.values.find(({ labels }) => String(labels['queue']).endsWith('email-workers'))?.value,
    ).toBeGreaterThan(0)
  } finally {
    await other.stop()
  }
})

test('a worker that is killed between sending and noting it: sent again under the same Message-ID, as the ledger shows', async () => {
  await mailing.notifications.stop()
  const { env } = mailing.notifications
  const child = spawn(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), 'worker'], {
    env: { ...env, LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  // With others than its own consumers there is nobody but the child to take the work.
  const observer = await startService({ ...office, consumers: [] }, { ...env, PORT: '0' })
  const sql = async (text: string) => (await observer.resources.query({ text })).rows
  try {
    const release = holdAnswers()
    const work = email('ana@example.com')
    await observer.resources.transact(async tx => tx.publish(notificationsEmail, work))
    await waitUntil('the mail server has it', () => mailing.mail.received.length === 1)
    await observer.resources.transact(async tx => {
      await tx.query({ text: 'lock table notifications' })
      release()
      const waiting = `select 1 from pg_locks where not granted and relation = 'notifications'::regclass`
      await waitUntil('the worker is about to note it', async () => (await sql(waiting)).length > 0)
      child.kill('SIGKILL')
      await exited
    })
    const heir = await startService(worker, { ...env, PORT: '0' })
    try {
      await waitUntil(
        'it is sent',
        async () => (await sql(`select 1 from notifications where status = 'sent'`)).length === 1,
      )
    } finally {
      await heir.stop()
    }
    const mails = mailing.mail.received.map(({ messageId }) => messageId)
    expect(mails).toEqual(Array(2).fill(`<${work.notificationId}@feira.example>`))
    const ledger = await sql('select number, outcome from delivery_attempts order by number')
    expect(ledger).toEqual([
      { number: 1, outcome: null },
      { number: 2, outcome: 'sent' },
    ])
    const told = await sql(`select 1 from chassis.outbox where type = 'notification.sent'`)
    expect(told).toHaveLength(1)
  } finally {
    child.kill('SIGKILL')
    await observer.stop()
  }
})

test('without workers the service takes requests and events, and leaves the sending to others', async () => {
  await mailing.notifications.stop()
  const env = { ...mailing.notifications.env, PORT: '0' }
  const running = await startService(office, env)
  try {
    await running.resources.transact(async tx => {
      tx.publish(notificationsEmail, email('ana@example.com'))
      tx.publish(notificationsSms, { ...notificationsSms.example, notificationId: newId() })
    })
    const left = `select 1 from chassis.outbox where published_at is not null and type like 'notifications.%'`
    await waitUntil('the work has left', async () => (await running.resources.query({ text: left })).rowCount === 2)
    const workers = await startService(withDelays(worker, [20]), env)
    try {
      const done = `select 1 from notifications where status = 'sent'`
      await waitUntil('it is done', async () => (await workers.resources.query({ text: done })).rowCount === 2)
      expect((await workers.http.inject('/ready')).statusCode).toBe(200)
      expect((await workers.http.inject('/metrics')).body).toContain('circuit_breaker_state')
      expect((await workers.http.inject('/notifications')).statusCode).toBe(404)
    } finally {
      await workers.stop()
    }
  } finally {
    await running.stop()
  }
})
