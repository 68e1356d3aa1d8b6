import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Told {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** The server of a partner. */
export interface Target extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Every request, oldest first. */
  readonly told: Told[]
  /** Connections that were made to it. */
  connections: number
  /** How it answers; 204 at first. */
  answer: (told: Told, response: ServerResponse) => void
  /** The requests that bear a delivery's id. */
  about(deliveryId: string): Told[]
}

export async function openTarget(): Promise<Target> {
  const server = createServer((request, response) => void receive(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const target: Target = {
    port,
    url: `http://127.0.0.1:${port}/hook`,
    told: [],
    connections: 0,
    answer: (_told, response) => void response.writeHead(204).end(),
    about: deliveryId => target.told.filter(({ headers }) => headers['webhook-id'] === deliveryId),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  server.on('connection', () => target.connections++)
  async function receive(request: IncomingMessage, response: ServerResponse) {
    const told = { path: request.url ?? '', headers: request.headers, body: await text(request) }
    target.told.push(told)
    target.answer(told, response)
  }
  return target
}

/** A handler that answers with one status after the other, the last for good. */
export function statuses(...codes: readonly number[]): Target['answer'] {
  const left = [...codes]
  return (_told, response) => void response.writeHead(left.length > 1 ? (left.shift() ?? 500) : (left[0] ?? 500)).end()
}
