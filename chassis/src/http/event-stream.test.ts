import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { App } from '../service.ts'
import { openEventStream, type EventStream, type EventStreamOptions } from './event-stream.ts'
import { eventually, open, startHttp } from './server.testing.ts'

interface Opened {
  readonly app: App
  readonly url: string
  readonly port: number
  /** The streams opened, in order. */
  readonly streams: readonly EventStream[]
}

async function startStreams(options: Partial<EventStreamOptions> = {}): Promise<Opened> {
  const streams: EventStream[] = []
  const route = (app: App) =>
    app.get('/events', open, (_request, reply) => {
      streams.push(openEventStream(reply, { heartbeat: 15_000, until: Date.now() + 60_000, ...options }))
    })
  const { app } = await startHttp([route])
  onTestFinished(() => streams.forEach(stream => stream.end()))
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/events`
  return { app, url, port: Number(new URL(url).port), streams }
}

/** A client that has asked, and reads nothing. */
async function askAndWait({ port }: Opened): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').pause()
  onTestFinished(() => void socket.destroy())
  socket.write('GET /events HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'connect')
  return socket
}

const kilobyte = `data: ${'x'.repeat(1_016)}\n\n`

test('each event leaves at once, after the headers and how soon to connect again', async () => {
  const { url, streams } = await startStreams()
  const response = await fetch(url)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-trace-id': expect.any(String) as string,
    'x-content-type-options': 'nosniff',
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  expect(await reader?.read()).toMatchObject({ value: 'retry: 2000\n\n' })
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    streams[0]?.send(event)
    expect(await reader?.read()).toMatchObject({ value: event })
  }
  await reader?.cancel()
  await eventually(() => streams[0]?.closed)
})

test('a silent stream sends heartbeats', async () => {
  const { url, streams } = await startStreams({ heartbeat: 20 })
  const answer = fetch(url).then(response => response.text())
  await eventually(() => streams[0])
  await pause(150)
  streams[0]?.end()
  expect(await answer).toMatch(/^retry: 2000\n\n(:\n\n){2,8}$/)
})

test('it ends at its time, and the connection can be used again', async () => {
  const { url, streams } = await startStreams({ until: Date.now() + 300 })
  expect(await (await fetch(url)).text()).toBe('retry: 2000\n\n')
  expect(streams[0]?.closed).toBe(true)
  expect((await fetch(url.replace('/events', '/live'))).status).toBe(200)
})

test('a client that leaves a mebibyte unread is cut off, without harm to others', async () => {
  const started = await startStreams()
  const socket = await askAndWait(started)
  await eventually(() => started.streams[0])
  const reading = fetch(started.url).then(response => response.text())
  await eventually(() => started.streams[1])
  const [slow, quick] = started.streams
  let sent = 0
  // What the system's own buffers take comes first.
  while (!slow?.closed && sent < 100_000) {
    for (const stream of started.streams) stream.send(kilobyte)
    sent++
    await quick?.drained()
  }
  expect(slow?.closed).toBe(true)
  expect(sent).toBeGreaterThan(1_024)
  quick?.end()
  expect((await reading).length).toBe('retry: 2000\n\n'.length + sent * kilobyte.length)
  socket.resume().on('error', () => {})
  await once(socket, 'close')
})

test('a client that reads nothing between two heartbeats is cut off', async () => {
  const started = await startStreams({ heartbeat: 50 })
  await askAndWait(started)
  const stream = await eventually(() => started.streams[0])
  while (!stream.closed) {
    stream.send(kilobyte)
    await stream.drained()
  }
  expect(stream.closed).toBe(true)
})

test('a server that closes does not wait for a client that does not take the end of its stream', async () => {
  const started = await startStreams()
  await askAndWait(started)
  const stream = await eventually(() => started.streams[0])
  let isStalled = false
  while (!isStalled) {
    stream.send(kilobyte)
    isStalled = await Promise.race([stream.drained().then(() => false), pause(200, true)])
  }
  const startedAt = performance.now()
  stream.end()
  await started.app.close()
  expect(performance.now() - startedAt).toBeLessThan(3_000)
})
