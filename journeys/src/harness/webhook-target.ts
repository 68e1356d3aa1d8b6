import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Json } from './shop.ts'

/** A webhook as it arrived. */
export interface Hook {
  readonly headers: IncomingMessage['headers']
  /** As it was signed. */
  readonly text: string
  readonly body: Json
}

/** Where a partner listens for webhooks. */
export class WebhookTarget {
  readonly hooks: Hook[] = []
  /** The statuses that the next requests are answered with; afterwards 204. */
  readonly answers: number[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<WebhookTarget> {
    const server = createServer()
    const target = new WebhookTarget(server)
    server.on('request', (request, response) => {
      void text(request).then(content => {
        target.hooks.push({ headers: request.headers, text: content, body: JSON.parse(content) as Json })
        response.writeHead(target.answers.shift() ?? 204).end()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return target
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hooks`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Whether a webhook is signed with this secret, by https://www.standardwebhooks.com and without its library. */
export function isSigned({ headers, text: content }: Hook, secret: string): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${content}`
  const wanted = createHmac('sha256', key).update(signed).digest()
  const given = String(headers['webhook-signature']).split(' ')
  return given.some(each => {
    const signature = Buffer.from(each.replace(/^v1,/, ''), 'base64')
    return each.startsWith('v1,') && signature.length === wanted.length && timingSafeEqual(signature, wanted)
  })
}
