import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

/** A network between a client and its server that can be broken. */
export class TcpProxy {
  /** How many connections it has taken. */
  accepted = 0
  readonly #target: { readonly host: string; readonly port: number }
  readonly #pairs = new Set<Pair>()
  #listener: Server | undefined
  #port = 0
  #silent = false

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target
  }

  /** A proxy to the server that `url` names. */
  static async to(url: string): Promise<TcpProxy> {
    const { hostname, port, protocol } = new URL(url)
    const standard = protocol.startsWith('amqp') ? 5_672 : 5_432
    const proxy = new TcpProxy({ host: hostname, port: Number(port) || standard })
    await proxy.restore()
    return proxy
  }

  /** `url` as it reads for whoever goes through the proxy. */
  through(url: string): string {
    const changed = new URL(url)
    changed.hostname = '127.0.0.1'
    changed.port = String(this.#port)
    return changed.href
  }

  /** Everything passes again. Connections that had gone silent are cut: what they would have carried is lost. */
  async restore(): Promise<void> {
    if (this.#silent) this.reset()
    this.#silent = false
    if (this.#listener) return
    const listener = createServer(client => this.#connect(client))
    listener.listen(this.#port, '127.0.0.1')
    await once(listener, 'listening')
    this.#listener = listener
    this.#port = (listener.address() as AddressInfo).port
  }

  /** The server is gone: connections break, new ones are refused. */
  async refuse(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    listener?.close()
    this.reset()
    if (listener) await once(listener, 'close')
  }

  /** Breaks every connection. @returns how many there were. */
  reset(): number {
    const pairs = [...this.#pairs]
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
    return pairs.length
  }

  /** Connections stay open, and are accepted, but nothing comes through in either direction. */
  silence(): void {
    this.#silent = true
    for (const { client, server } of this.#pairs) {
      client.unpipe(server)
      server.unpipe(client)
      client.resume()
      server.resume()
    }
  }

  async close(): Promise<void> {
    await this.refuse()
  }

  #connect(client: Socket): void {
    this.accepted++
    const server = connect({ ...this.#target, noDelay: true })
    client.setNoDelay(true)
    const pair = { client, server }
    this.#pairs.add(pair)
    const end = () => {
      this.#pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
    if (this.#silent) return
    client.pipe(server)
    server.pipe(client)
  }
}
