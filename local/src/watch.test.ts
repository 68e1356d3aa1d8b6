import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { watch, type WatchOptions } from './watch.ts'

const orderId = '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d'
const traceId = '0af7651916cd43dd8448eb211c80319c'

function event(id: number, type: string, note: string | null = null): string {
  const at = '2026-11-21T12:00:00.042Z'
  const data = { type, orderId, service: 'orders', version: id, note, at, lagMs: 7, traceId, messageId: 'm' }
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void

const stream =
  (...parts: readonly string[]): Answer =>
  response => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const part of ['retry: 10\n\n', ':\n\n', ...parts]) response.write(part)
  }

const thenBreak =
  (answer: Answer): Answer =>
  (response, request) => {
    answer(response, request)
    setTimeout(() => response.destroy(), 50)
  }

const refuse =
  (status: number, detail: string): Answer =>
  response =>
    void response.writeHead(status).end(JSON.stringify({ detail }))

/** A gateway that signs everybody in and answers one request for a stream after the other. */
async function startGateway(...answers: readonly Answer[]) {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    if (request.url === '/auth/login') return void response.end(JSON.stringify({ access_token: 'admins' }))
    asked.push(request)
    answers[Math.min(asked.length, answers.length) - 1]?.(response, request)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function watching(options: Pick<WatchOptions, 'url'> & Partial<WatchOptions>) {
  const lines: string[] = []
  const stopping = new AbortController()
  onTestFinished(() => stopping.abort())
  const print = (line: string) => void lines.push(line)
  const done = watch({ orderId, token: undefined, signal: stopping.signal, print, ...options })
  return { lines, done, stop: () => stopping.abort() }
}

test('shows one line for each event, and ends when the order has', async () => {
  const { url, asked } = await startGateway(
    stream(event(1, 'order.created'), event(2, 'order.completed'), event(3, 'invoice.paid', '2026-000042')),
  )
  const { lines, done } = watching({ url })
  await done
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.042 +\+7 ms +orders +order\.created +0af7651916cd43dd8448eb211c80319c$/)
  expect(lines[2]).toContain('2026-000042')
  expect(asked).toHaveLength(1)
  expect(asked[0]).toMatchObject({
    url: `/q/orders/${orderId}/timeline`,
    headers: { accept: 'text/event-stream', authorization: 'Bearer admins' },
  })
})

test('goes on after the last event when the connection breaks, or the service is away for a moment', async () => {
  const { url, asked } = await startGateway(
    thenBreak(stream(event(1, 'order.created'), event(2, 'order.reserved'))),
    refuse(503, 'not now'),
    stream(event(3, 'order.cancelled')),
  )
  const { lines, done } = watching({ url })
  await done
  expect(lines.filter(line => line.includes('order.'))).toHaveLength(3)
  expect(lines.filter(line => line.includes('lost'))).toHaveLength(2)
  expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2', '2'])
})

test('shows all orders, each with its id, by a token that is given, until it is stopped', async () => {
  const { url, asked } = await startGateway(stream(event(1, 'order.completed')))
  const { lines, done, stop } = watching({ url, orderId: undefined, token: 'mine' })
  await expect.poll(() => lines).toHaveLength(1)
  expect(lines[0]).toContain(orderId)
  expect(asked[0]).toMatchObject({ url: '/q/timeline', headers: { authorization: 'Bearer mine' } })
  stop()
  await done
})

test.each([
  ['an unknown order', refuse(404, 'There is no order x.'), /answered 404: There is no order x/],
  ['a token that does not count', refuse(401, 'It is expired.'), /answered 401: It is expired/],
  ['a service that is away', refuse(503, 'The service queries is not running.'), /503: The service queries is not/],
])('says what is wrong with %s', async (_, answer, message) => {
  const { url } = await startGateway(answer)
  await expect(watching({ url }).done).rejects.toThrow(message)
})

test('says so when nothing answers', async () => {
  const { url } = await startGateway()
  const nowhere = url.replace(/\d+$/, '1')
  await expect(watching({ url: nowhere, token: 'mine' }).done).rejects.toThrow('Nothing answers')
  await expect(watching({ url: nowhere }).done).rejects.toThrow('Nothing answers')
})
