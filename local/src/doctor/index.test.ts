import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { freePort } from '@feira/chassis/testing'
import { expect, onTestFinished, test, vi } from 'vitest'
import { runDoctor } from './index.ts'

/** What it printed, and its exit code. */
async function run(...args: readonly string[]) {
  const [log, error] = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error')]
  for (const print of [log, error]) print.mockImplementation(() => {})
  const code = await runDoctor(args)
  const output = [log, error].flatMap(print => print.mock.calls.flat()).join('\n')
  for (const print of [log, error]) print.mockRestore()
  return { code, output }
}

async function listen(answer: RequestListener, host = '127.0.0.1'): Promise<number> {
  const server = createServer(answer).listen(0, host)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test.each([
  [['--ulr', 'http://localhost'], /--ulr/],
  [['--url', 'shop'], /--url must be an address/],
  [['--url', 'http://admin:secret@localhost'], /without a login/],
  [['--jaeger', '/'], /--jaeger must be an address/],
] as const)('looks at nothing when it was asked nonsense: %j', async (args, message) => {
  const { code, output } = await run(...args)
  expect(output).toMatch(message)
  expect(output).not.toContain('secret')
  expect(code).toBe(2)
})

test('says so when nothing listens', async () => {
  const url = `http://localhost:${await freePort()}`
  const { code, output } = await run('--url', url)
  expect(output).toContain(`${url}: nothing listens there`)
  expect(code).toBe(1)
})

test('says so when another program listens', async () => {
  const port = await listen((_request, response) => void response.end('It works!'))
  const { code, output } = await run('--url', `http://localhost:${port}`, '--json')
  const { findings } = JSON.parse(output)
  expect(findings).toContainEqual(
    expect.objectContaining({ check: 'gateway', verdict: 'wrong', says: expect.stringContaining('another program') }),
  )
  expect(code).toBe(1)
})

test('tries the development account on no other machine', async () => {
  const asked: string[] = []
  const port = await listen((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end('<title>Feira</title>')
  }, '0.0.0.0')
  const { output } = await run('--url', `http://${hostname()}:${port}`)
  expect(output).toContain('not tried on other machines')
  expect(asked).toContain('GET /')
  expect(asked.filter(line => line.startsWith('POST'))).toEqual([])
})
