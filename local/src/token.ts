/** Nobody could be signed in; the message says why and what to do. */
export class SignInFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SignInFailed'
  }
}

/** Prints an access token and nothing else, so that a shell can take it: `TOKEN=$(npm run token -s)`. */
export async function printToken(gateway: string, credentials: readonly string[]): Promise<void> {
  const [username = 'admin', password = username === 'admin' ? 'admin' : ''] = credentials
  console.log(await signIn(gateway, username, password))
}

/**
 * Signs in through the gateway.
 * @returns an access token.
 * @throws SignInFailed
 */
export async function signIn(gateway: string, username: string, password: string): Promise<string> {
  const response = await fetch(`${gateway}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
    signal: AbortSignal.timeout(5_000),
  }).catch(() => {
    throw new SignInFailed(`Nothing answers at ${gateway}. Is the system running? \`npm start\` starts it.`)
  })
  const body = (await response.json().catch(() => ({}))) as { access_token?: string; detail?: string }
  if (body.access_token === undefined) {
    throw new SignInFailed(`${username} cannot be signed in (${response.status}): ${body.detail ?? 'no reason given'}`)
  }
  return body.access_token
}
