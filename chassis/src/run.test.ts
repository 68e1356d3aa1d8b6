import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { suspectLimit } from './consuming/inbox.ts'
import { orders, processService } from './testing/fixture/main.ts'
import { effectsOf, note, noteWritten } from './testing/fixture/notes.ts'
import { Queues } from './testing/fixture/queues.ts'
import { startReplica } from './testing/fixture/replica.ts'
import { certificate, TcpProxy } from './testing/fixture/tcp-proxy.ts'
import { ServiceProcess } from './testing/fixture/service-process.ts'
import { startTestService, waitUntil, type TestService } from './testing/index.ts'

// The processes of these tests share its database and its queues; it is stopped itself, but for those to look at.
let home: TestService
let watcher: Awaited<ReturnType<typeof startReplica>>
let queues: Queues
beforeAll(async () => {
  home = await startTestService(processService, { SHUTDOWN_TIMEOUT: '6s' })
  await home.stop()
  watcher = await startReplica({ ...processService, consumers: [] }, home.env)
  queues = await Queues.of(home.env)
})
beforeEach(async () => {
  await watcher.resources.query({ text: 'truncate effects, notes, chassis.suspect_messages, chassis.dead_letters' })
})
afterAll(async () => {
  await queues[Symbol.asyncDispose]()
  await watcher.stop()
  await home[Symbol.asyncDispose]()
})

const effects = () => effectsOf(watcher.resources.query)
const started = () => ServiceProcess.start(home.env)

async function post(url: string, noteId: string): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(`${url}/notes`, { method: 'POST', headers, body: JSON.stringify({ noteId }) })).status
}

async function unfinished(): Promise<number> {
  const { rows } = await watcher.resources.query<{ count: number }>({
    text: `select count(*)::int from pg_stat_activity where datname = current_database() and query ilike 'insert into notes%'`,
  })
  return rows[0]?.count ?? 0
}

test('SIGTERM with requests and messages in flight: all are answered, all is done once, and the code is 0', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `published-${index}`)
  const asked = ['asked-1', 'asked-2', 'asked-3']
  await using first = await started()
  const answers = Promise.all(asked.map(name => post(first.url, name)))
  const publishing = Promise.all(names.map(name => queues.publish(noteWritten, note(name))))
  await waitUntil('both are in flight', async () => (await effects()).length > 0 && (await unfinished()) === 3)
  const startedAt = performance.now()
  first.signal('SIGTERM')
  expect(await answers).toEqual([201, 201, 201])
  expect(await first.exited).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(6_000)
  await publishing
  await using second = await started()
  await waitUntil('all is done', async () => (await effects()).length >= 303)
  expect((await effects()).toSorted()).toEqual([...names, ...asked].toSorted())
  second.signal('SIGTERM')
  expect(await second.exited).toBe(0)
})

test('SIGTERM while a handler hangs: the process ends in time, and the message is not lost', async () => {
  await using first = await ServiceProcess.start({ ...home.env, SHUTDOWN_TIMEOUT: '1s' })
  await queues.publish(noteWritten, note('hanging', orders.hang))
  await waitUntil('it hangs', async () => (await waitingMessages()) === 1)
  const startedAt = performance.now()
  first.signal('SIGTERM')
  expect(await first.exited).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(2_500)
  await waitUntil('the message is back', async () => (await queues.depth('notes.on-note')) === 1)
  await queues.drain('notes.on-note')
})

test('kill -9 with messages in flight loses and repeats nothing', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `note-${index}`)
  await using first = await started()
  const publishing = Promise.all(names.map(name => queues.publish(noteWritten, note(name))))
  await waitUntil('it works', async () => (await effects()).length > 0)
  first.signal('SIGKILL')
  await publishing
  await using second = await started()
  await waitUntil('all is done', async () => (await effects()).length >= names.length)
  expect((await effects()).toSorted()).toEqual(names.toSorted())
  second.signal('SIGTERM')
  await second.exited
})

test('a message that kills its process is parked, and those beside it are handled', async () => {
  const messageId = await queues.publish(noteWritten, note('killer', orders.die))
  await queues.publish(noteWritten, note('healthy'))
  // As if it had come back that often already; each time costs the start of a process.
  await watcher.resources.query({
    text: 'insert into chassis.suspect_messages (consumer, message_id, deliveries) values ($1, $2, $3)',
    values: [`${home.env['BROKER_NAMESPACE']}notes.on-note`, messageId, suspectLimit - 1],
  })
  for (const _ of ['not suspected yet', 'the last time']) {
    await using killed = await started()
    expect(await killed.exited).toBe('SIGKILL')
    expect(await effects()).not.toContain('killer')
  }
  await using last = await started()
  await waitUntil('it is parked', async () => (await deadLetters()).length === 1)
  await waitUntil('the healthy one is handled', async () => (await effects()).length === 1)
  expect(await effects()).toEqual(['healthy'])
  expect(await deadLetters()).toMatchObject([{ message_id: messageId, reason: 'kills-its-process' }])
  last.signal('SIGTERM')
  expect(await last.exited).toBe(0)
})

test('what keeps it from starting is said in one line, and the code is 1', async () => {
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_INSTRUMENTATION: 'everything' }
  await using lacking = await ServiceProcess.start({ DATABASE_URL: 'not a URL', ...traced })
  expect(await lacking.exited).toBe(1)
  expect(lacking.stderr).toMatch(
    /^app-notes cannot start: 3 of its settings missing or wrong\.\n {2}DATABASE_URL .*\n {2}BROKER_URL .*\n {2}OTEL_INSTRUMENTATION /,
  )
  await using proxy = await TcpProxy.to(home.env['DATABASE_URL'] ?? '')
  proxy.encrypt(certificate('localhost'))
  await using untrusting = await ServiceProcess.start({ ...home.env, DATABASE_URL: `${proxy.url}?sslmode=verify-full` })
  expect(await untrusting.exited).toBe(1)
  expect(untrusting.stderr).toMatch(/^app-notes cannot start: the certificate of PostgreSQL at .* DATABASE_CA .*\n$/)
  await using unknown = await ServiceProcess.start(home.env, 'dance')
  expect(await unknown.exited).toBe(1)
  expect(unknown.stderr).toContain('Unknown command dance')
})

test('`setup` migrates and declares the queues, and may be repeated', async () => {
  await queues.delete('notes.on-note')
  for (const _ of ['once', 'again']) {
    await using setup = await ServiceProcess.start(home.env, 'setup')
    expect(await setup.exited).toBe(0)
  }
  expect(await queues.depth('notes.on-note')).toBe(0)
})

async function waitingMessages(): Promise<number> {
  const { rows } = await watcher.resources.query<{ count: number }>({
    text: `select count(*)::int from pg_stat_activity
           where datname = current_database() and state = 'idle in transaction' and query ilike 'insert into effects%'`,
  })
  return rows[0]?.count ?? 0
}

async function deadLetters() {
  return (await watcher.resources.query({ text: 'select * from chassis.dead_letters' })).rows
}
