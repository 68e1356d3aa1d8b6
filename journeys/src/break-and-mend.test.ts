import { faults } from '@feira/local/src/faults/index.ts'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { request } from './harness/http.ts'
import { LocalSystem } from './harness/local-system.ts'
import { Program } from './harness/program.ts'
import { until } from './harness/until.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let system: LocalSystem

beforeAll(async () => {
  system = await LocalSystem.create()
  await system.start(['--processes'], { SERVICES: 'users,products,invoices' })
  await system.signIn()
})
afterAll(() => system?.destroy())

/** Runs `npm run break` until it says that something is broken. */
async function breaking(fault: string): Promise<Program> {
  const program = new Program(['local/start.mjs', 'break', fault, '--lasting', '1m'], system.environment)
  onTestFinished(() => program.killAll())
  await until(`${fault} is broken`, () => {
    if (!program.running) throw new Error(program.output)
    return program.output.includes('Broken')
  })
  return program
}

/** What Ctrl-C does: it is whole again when the program has ended. */
async function mending(program: Program): Promise<void> {
  program.pressCtrlC()
  expect(await program.exited).toEqual({ code: 0, signal: null })
}

const of = (service: 'ORDERS' | 'INVOICES' | 'PRODUCTS', path: string) =>
  request(`http://127.0.0.1:${system.ports[`${service}_PORT`]}${path}`, {
    headers: system.admin,
    signal: AbortSignal.timeout(2_000),
  })

/** What app-invoices was told and has given up, by cause. */
const deadLetters = async () => ((await of('INVOICES', '/ops/dead-letters')).body as { groups: unknown[] }).groups

/** Whether app-invoices leaves a request without an answer. */
const hangs = (path: string) =>
  of('INVOICES', path).then(
    () => false,
    (error: Error) => error.name === 'TimeoutError',
  )

async function untilStatus(expected: number, ask: () => ReturnType<typeof of>): Promise<void> {
  await until(`it answers ${expected}`, async () => (await ask()).status === expected)
}

test('lists what can be broken, and says so of what cannot', async () => {
  const { output, code } = await system.run(['break'])
  expect(code).toBe(0)
  for (const name of Object.keys(faults)) expect(output).toContain(name)
  expect(await system.run(['break', 'everything'])).toMatchObject({
    code: 1,
    output: expect.stringContaining('no fault everything'),
  })
  expect(await system.run(['break', 'dead-letters', '--lasting', 'long'])).toEqual({
    code: 1,
    signal: null,
    output: expect.stringMatching(/^\s*--lasting must be a duration such as [^\n]+\s*$/),
  })
  expect((await system.run(['mend'])).output).toContain('Nothing is broken.')
})

test('leaves servers on other machines alone', async () => {
  const { code, output } = await system.run(['break', 'dead-letters'], {
    BROKER_URL: 'amqp://guest:guest@feira.example',
  })
  expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining('feira.example is not this machine') })
})

describe('breaks, and mends', () => {
  test('service-down: the process takes no requests, not even when who stopped it was killed, until it is mended', async () => {
    const program = await breaking('service-down')
    await until('it hangs', () => hangs('/live'))
    await program.end('SIGKILL')
    expect(await hangs('/live')).toBe(true)
    expect((await system.run(['mend', 'service-down'])).output).toContain('Mended: service-down')
    await untilStatus(200, () => of('INVOICES', '/live'))
  })

  test('database-away: no table can be read, until it is mended from elsewhere', async () => {
    const program = await breaking('database-away')
    await until('it waits', () => hangs('/invoices'))
    expect((await system.run(['mend'])).output).toContain('Mended: database-away')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    await untilStatus(200, () => of('INVOICES', '/invoices'))
  })

  test('failing-requests: a route fails, and Ctrl-C ends that', async () => {
    const program = await breaking('failing-requests')
    const { items } = (await of('PRODUCTS', '/products?search=fault')).body as { items: { id: string }[] }
    const movements = () => of('PRODUCTS', `/products/${items[0]?.id}/movements`)
    await untilStatus(500, movements)
    await mending(program)
    expect((await movements()).status).toBe(200)
    expect((await of('PRODUCTS', `/products/${items[0]?.id}`)).status).toBe(404)
    expect((await system.run(['break', 'failing-requests', '--lasting', '10ms'])).code).toBe(0)
  })

  test('dead-letters: a message is given up, and deleted', async () => {
    const program = await breaking('dead-letters')
    await until('it is dead', async () => (await deadLetters()).length === 1)
    await mending(program)
    expect(await deadLetters()).toEqual([])
  })

  test('unrouted-messages: a queue is bound to nothing, and to all that it was', async () => {
    const bound = async () => {
      const model = await connect(`amqp://guest:guest@127.0.0.1:${system.ports.BROKER_PORT}`)
      const channel = await model.createConfirmChannel()
      let returned = false
      channel.on('return', () => (returned = true))
      channel.publish('feira.events', 'stock.changed', Buffer.from('{}'), { mandatory: true })
      await channel.waitForConfirms()
      await model.close()
      return !returned
    }
    const program = await breaking('unrouted-messages')
    await until('it is unbound', async () => !(await bound()))
    await mending(program)
    expect(await bound()).toBe(true)
  })
})

test('says what is left when the system ends while something is broken', async () => {
  const program = await breaking('dead-letters')
  await until('it has done its damage', async () => (await deadLetters()).length === 1)
  await system.interrupt()
  program.pressCtrlC()
  expect(await program.exited).toEqual({ code: 1, signal: null })
  expect(program.output).toMatch(/dead-letters is not mended: .*ECONNREFUSED.*`npm run mend`[^\n]*\s*$/)
})
