/** An answer as it came, its body parsed. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  /** Parsed when it is JSON. */
  readonly body: unknown
}

export async function request(url: string, init?: RequestInit): Promise<HttpAnswer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000), ...init })
  const text = await response.text()
  const json = response.headers.get('content-type')?.includes('json')
  return { status: response.status, headers: response.headers, body: json ? (JSON.parse(text) as unknown) : text }
}

/** A POST with a JSON body. */
export function post(url: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  const init = { method: 'POST', headers: { ...headers } as Record<string, string> }
  if (body === undefined) return request(url, init)
  init.headers['content-type'] ??= 'application/json'
  return request(url, { ...init, body: typeof body === 'string' ? body : JSON.stringify(body) })
}
