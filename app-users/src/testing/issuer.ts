import { startService, type Environment, type RunningService } from '@feira/chassis'
import { freePort, startTestService, testKeySetUrl, type TestService } from '@feira/chassis/testing'
import { service } from '../service.ts'

export type Headers = Record<string, string>

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
}

export interface TestIssuer extends TestService {
  /** Headers of the development admin. */
  readonly admin: Headers
  logIn(username: string, password: string): Promise<Tokens>
  /** Registers somebody new and signs in. */
  register(fields?: Record<string, unknown>): Promise<Person>
}

export interface Person {
  readonly id: string
  readonly email: string
  readonly headers: Headers
  readonly tokens: Tokens
}

export const password = 'correct horse battery'

let people = 0

/** An e-mail address that nobody has yet. */
export function newEmail(): string {
  return `person-${++people}@example.com`
}

/** Starts the service as the issuer of its own tokens, which it fetches the keys of over HTTP like every other service. */
export async function startTestIssuer(env: Environment = {}): Promise<TestIssuer> {
  const port = String(await freePort())
  const issuer = `http://127.0.0.1:${port}`
  const own = { PORT: port, AUTH_ISSUER: issuer, AUTH_JWKS_URL: `${issuer}/auth/jwks.json` }
  const users = await startTestService(service, { ...own, ...env })
  const logIn = async (username: string, password: string): Promise<Tokens> => {
    const answer = await users.http.inject({ method: 'POST', url: '/auth/login', payload: { username, password } })
    if (answer.statusCode !== 200) throw new Error(answer.body)
    return answer.json()
  }
  const register = async (fields: Record<string, unknown> = {}): Promise<Person> => {
    const payload = { name: 'Ana Souza', email: newEmail(), password, ...fields }
    const answer = await users.http.inject({ method: 'POST', url: '/users', payload })
    if (answer.statusCode !== 201) throw new Error(answer.body)
    const { id, email } = answer.json<{ id: string; email: string }>()
    const tokens = await logIn(email, payload.password)
    return { id, email, tokens, headers: bearer(tokens) }
  }
  return { ...users, admin: bearer(await logIn('admin', 'admin')), logIn, register }
}

/** Starts the service as it runs beside another issuer, whose tokens `asUser` and its like sign. */
export async function startUnderForeignIssuer(): Promise<TestService> {
  const keySet = new URL(await testKeySetUrl())
  return startTestService(service, { AUTH_JWKS_URL: `${keySet.origin}/realms/feira/protocol/openid-connect/certs` })
}

/** Starts another replica of a running service, on its database and its queues. */
export async function startReplica(of: TestService, env: Environment = {}): Promise<RunningService & AsyncDisposable> {
  const replica = await startService(service, { ...of.env, PORT: '0', ...env })
  return { ...replica, [Symbol.asyncDispose]: () => replica.stop() }
}

export function bearer({ access_token }: Pick<Tokens, 'access_token'>): Headers {
  return { authorization: `Bearer ${access_token}` }
}
