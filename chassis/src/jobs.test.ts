import { expect, test } from 'vitest'
import { every } from './jobs.ts'
import { countOf } from './testing/fixture/counts.ts'
import { notesService } from './testing/fixture/notes.ts'
import { startTestService, waitUntil } from './testing/index.ts'

test('runs at the start and then at its interval, with what the service has', async () => {
  const names: string[] = []
  const job = every('count', '20ms', async ({ query }) => {
    const { rows } = await query<{ name: string }>({ text: 'select current_schema() as name' })
    names.push(rows[0]?.name ?? '')
  })
  await using service = await startTestService(notesService({ jobs: [job] }))
  await waitUntil('it ran three times', () => names.length >= 3)
  expect(new Set(names)).toEqual(new Set(['public']))
  expect(await countOf(service.resources.metrics, 'job_runs_total', { job: 'count', outcome: 'done' })).toBeGreaterThan(1) // prettier-ignore
})

test('does not overlap with itself, however long it takes', async () => {
  let running = 0
  let most = 0
  let runs = 0
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const slow = every('slow', '1ms', async () => {
    most = Math.max(most, ++running)
    if (++runs === 1) await opened
    running--
  })
  let ticks = 0
  const quick = every('quick', '1ms', async () => void ticks++)
  await using _service = await startTestService(notesService({ jobs: [slow, quick] }))
  await waitUntil('the other ran often meanwhile', () => ticks > 20)
  expect(runs).toBe(1)
  open()
  await waitUntil('it ran again', () => runs > 5)
  expect(most).toBe(1)
})

test('goes on after an error, which is counted', async () => {
  let runs = 0
  const job = every('fails', '5ms', async () => {
    if (++runs < 3) throw new Error('not yet')
  })
  await using service = await startTestService(notesService({ jobs: [job] }))
  await waitUntil('it ran after its failures', () => runs > 3)
  expect(await countOf(service.resources.metrics, 'job_runs_total', { job: 'fails', outcome: 'failed' })).toBe(2)
})

test('takes its interval from the configuration', async () => {
  let runs = 0
  const job = every(
    'configured',
    config => config.OUTBOX_POLL_INTERVAL,
    async () => void runs++,
  )
  await using service = await startTestService(notesService({ jobs: [job] }), { OUTBOX_POLL_INTERVAL: '10ms' })
  await waitUntil('it ran three times', () => runs >= 3)
  expect(job.interval({ ...service.resources.config, OUTBOX_POLL_INTERVAL: 7 })).toBe(7)
})

test('a stop waits for the run under way, tells it so, and starts none after it', async () => {
  let runs = 0
  let finished = false
  const job = every('last', '1ms', async ({ query }, signal) => {
    if (++runs > 1) return
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    // Its connections are still there.
    await query({ text: 'select 1' })
    finished = true
  })
  await using service = await startTestService(notesService({ jobs: [job] }))
  await waitUntil('it runs', () => runs === 1)
  await service.stop()
  expect(finished).toBe(true)
  expect(runs).toBe(1)
})

test('an interval that is no duration is refused where it is written', () => {
  expect(() => every('odd', 'ten seconds', async () => {})).toThrow('must be a duration')
})
