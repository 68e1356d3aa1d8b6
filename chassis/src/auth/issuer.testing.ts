import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SigningKey } from '../testing/tokens.ts'

/** An issuer's key set on a port of its own; what it answers can be changed while it runs. */
export class Issuer implements AsyncDisposable {
  readonly #server: Server
  /** The public keys that it tells of. */
  keys: readonly SigningKey[]
  /** Answers in place of the key set. */
  answer: ((response: ServerResponse) => void) | undefined
  requests = 0
  /** Requests that were not answered yet when another one came. */
  overlaps = 0
  #open = 0

  private constructor(keys: readonly SigningKey[]) {
    this.keys = keys
    this.#server = createServer((_request, response) => {
      this.requests++
      if (this.#open++ > 0) this.overlaps++
      response.on('close', () => this.#open--)
      if (this.answer) this.answer(response)
      else response.end(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }))
    })
  }

  static async start(...keys: readonly SigningKey[]): Promise<Issuer> {
    const issuer = new Issuer(keys)
    issuer.#server.listen(0, '127.0.0.1')
    await once(issuer.#server, 'listening')
    return issuer
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks.json`
  }

  /** From now on every connection is broken off. */
  goAway(): void {
    this.answer = response => void response.destroy()
  }

  /** From now on no request gets an answer. */
  hang(): void {
    this.answer = () => {}
  }

  comeBack(): void {
    this.answer = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
