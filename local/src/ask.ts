/** What came back over HTTP, whatever its status. */
export interface Reply {
  readonly answered: true
  readonly url: string
  readonly status: number
  readonly headers: Headers
  /** Parsed when it is JSON. */
  readonly body: unknown
  /** On this machine's clock, in ms since 1970. */
  readonly sentAt: number
  readonly receivedAt: number
}

/** `refused`: nothing listens there. `not-http`: what listens does not speak HTTP. */
export type Why = 'refused' | 'unknown-host' | 'unreachable' | 'timeout' | 'not-http'

/** Nothing that could be read came back. */
export interface Silence {
  readonly answered: false
  readonly url: string
  readonly why: Why
}

export type Contact = Reply | Silence

export interface Question {
  /** An access token. */
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly body?: object
}

/** Longer than the 2 s that a service gives to each of its own checks. */
export const deadline = 5_000

/** Sends a request that has 5 s for its whole answer. Never rejects. */
export async function ask(url: string, { token, headers, method = 'GET', body }: Question = {}): Promise<Contact> {
  const sentAt = Date.now()
  try {
    const response = await fetch(url, {
      method,
      // Sent on to where it does not belong, a token would be lost.
      redirect: 'manual',
      signal: AbortSignal.timeout(deadline),
      headers: {
        accept: 'application/json',
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const receivedAt = Date.now()
    const { status, headers: answered } = response
    return { answered: true, url, status, headers: answered, body: parse(await response.text()), sentAt, receivedAt }
  } catch (error) {
    return { answered: false, url, why: reasonOf(error) }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const reasons: Readonly<Record<string, Why>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'unknown-host',
  EAI_AGAIN: 'unknown-host',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
}

function reasonOf(error: unknown): Why {
  const { name, cause } = error as Error & { cause?: { code?: string } }
  return name === 'TimeoutError' ? 'timeout' : (reasons[cause?.code ?? ''] ?? 'not-http')
}

/** The body as an object, whatever it was. */
export function fieldsOf(contact: Contact): Readonly<Record<string, unknown>> {
  const body = contact.answered ? contact.body : undefined
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
}

/** Why there is no answer, as the end of a sentence that begins with an address. */
export function describeSilence({ why }: Silence): string {
  return {
    refused: 'nothing listens there',
    'unknown-host': 'there is no host of that name',
    unreachable: 'no way leads there from this machine',
    timeout: `no answer within ${deadline / 1_000} s`,
    'not-http': 'what listens there broke off or does not speak HTTP',
  }[why]
}

/** The address that an option was given, without what a path could follow twice. @throws when it is none. */
export function addressOf(option: string, text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error(`${option} must be an address such as http://localhost:8000`)
  if (url.username || url.password) throw new Error(`${option} must be without a login; give an access token`)
  return `${url.origin}${url.pathname}`.replace(/\/$/, '')
}

/** Whether an address is this machine's own. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

/**
 * Whether services beside a gateway may be shown a token. They speak plain HTTP, and what travels encrypted to the gateway
 * must not travel openly to them.
 */
export function mayShowToken(gateway: URL): boolean {
  return gateway.protocol === 'http:' || isLoopback(gateway.hostname)
}
