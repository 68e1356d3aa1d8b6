import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** Takes spans by OTLP over HTTP, and tells like Jaeger which services a trace has them of. */
export class TraceCollector {
  /** Whether what comes is thrown away. */
  lossy = false
  readonly #server: Server
  readonly #exports: Buffer[] = []

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<TraceCollector> {
    const collector = new TraceCollector()
    collector.#server.listen(0, '127.0.0.1')
    await once(collector.#server, 'listening')
    return collector
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const traceId = /^\/api\/traces\/([0-9a-f]{32})$/.exec(request.url ?? '')?.[1]
    if (traceId !== undefined) return void response.end(JSON.stringify({ data: [{ processes: this.#find(traceId) }] }))
    const body = await buffer(request)
    if (!this.lossy) this.#exports.push(body)
    response.setHeader('content-type', 'application/x-protobuf').end()
  }

  /** In protobuf ids are bytes and names are text, as they are, and one export is one service's. */
  #find(traceId: string): Record<string, { readonly serviceName: string }> {
    const holding = this.#exports.filter(body => body.includes(Buffer.from(traceId, 'hex')))
    const names = holding.map(body => /app-[a-z]+/.exec(body.toString('latin1'))?.[0] ?? '')
    return Object.fromEntries(names.map(serviceName => [serviceName, { serviceName }]))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
