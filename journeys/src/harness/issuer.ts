import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import type { Environment } from './program.ts'

/** Whom a token speaks of. */
export interface Subject {
  readonly id: string
  readonly roles: readonly string[]
}

/** An issuer of tokens other than app-users, as any company may have one: services verify its tokens by its public keys. */
export class Issuer {
  readonly #server: Server
  readonly #key: CryptoKey

  private constructor(server: Server, key: CryptoKey) {
    this.#server = server
    this.#key = key
  }

  static async start(): Promise<Issuer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const keys = JSON.stringify({
      keys: [{ ...(await exportJWK(publicKey)), kid: 'journeys', alg: 'ES256', use: 'sig' }],
    })
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(keys)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Issuer(server, privateKey)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** What services need to know to trust it. */
  get environment(): Environment {
    return {
      AUTH_ISSUER: this.url,
      AUTH_JWKS_URL: `${this.url}/keys`,
      AUTH_AUDIENCE: 'feira',
      AUTH_ROLES_CLAIM: 'roles',
    }
  }

  /** The header of a request that speaks for somebody. */
  async headersFor({ id, roles }: Subject): Promise<Record<string, string>> {
    const token = await new SignJWT({ roles: [...roles] })
      .setProtectedHeader({ alg: 'ES256', kid: 'journeys' })
      .setIssuer(this.url)
      .setAudience('feira')
      .setSubject(id)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(this.#key)
    return { authorization: `Bearer ${token}` }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
