import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer, password, startReplica, startTestIssuer, type TestIssuer, type Tokens } from '../testing/issuer.ts'
import { service } from '../service.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

const refresh = (token: string, http = users.http) =>
  http.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token: token } })

async function refreshed(token: string): Promise<Tokens> {
  const answer = await refresh(token)
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json()
}

const code = async (token: string) => (await refresh(token)).json().code as string

test('a refresh token gives new tokens of the same session, again and again', async () => {
  const { tokens, id } = await users.register()
  const session = ({ access_token }: Tokens) =>
    JSON.parse(Buffer.from(access_token.split('.')[1] as string, 'base64url').toString()).sid as string
  let current = tokens
  for (let round = 0; round < 3; round++) {
    const next = await refreshed(current.refresh_token)
    expect(next.refresh_token).not.toBe(current.refresh_token)
    expect(session(next)).toBe(session(tokens))
    const me = await users.http.inject({ url: '/auth/me', headers: bearer(next) })
    expect(me.json().id).toBe(id)
    current = next
  }
})

test('the new token shows the user as it is now', async () => {
  const person = await users.register()
  const payload = { role: 'partner', name: 'Bea' }
  await users.http.inject({ method: 'PATCH', url: `/users/${person.id}`, headers: users.admin, payload })
  const former = await users.http.inject({ url: '/auth/me', headers: person.headers })
  expect(former.json()).toMatchObject({ status: 401, code: 'token-outdated' })
  const next = await refreshed(person.tokens.refresh_token)
  const claims = JSON.parse(Buffer.from(next.access_token.split('.')[1] as string, 'base64url').toString())
  expect(claims).toMatchObject({ roles: ['partner'], name: 'Bea' })
  expect((await users.http.inject({ url: '/auth/me', headers: bearer(next) })).statusCode).toBe(200)
})

describe('a spent token', () => {
  test('ends its session, also for whoever holds the newest, and no other', async () => {
    const { tokens, email } = await users.register()
    const elsewhere = await users.logIn(email, password)
    const second = await refreshed(tokens.refresh_token)
    const third = await refreshed(second.refresh_token)
    expect(await code(tokens.refresh_token)).toBe('refresh-token-reused')
    expect(await code(third.refresh_token)).toBe('refresh-token-invalid')
    await refreshed(elsewhere.refresh_token)
  })

  test('used by many at once, at two replicas: one gets tokens, and they end with the session', async () => {
    await using other = await startReplica(users)
    const { tokens } = await users.register()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => refresh(tokens.refresh_token, index % 2 ? users.http : other.http)),
    )
    const winners = answers.filter(({ statusCode }) => statusCode === 200)
    expect(winners).toHaveLength(1)
    expect(answers.filter(answer => answer.json().code === 'refresh-token-reused')).toHaveLength(9)
    expect(await code(winners[0]?.json().refresh_token as string)).toBe('refresh-token-invalid')
  })
})

test('a refresh token is not spent when there can be no answer', async () => {
  const { tokens } = await users.register()
  const hidden = `update signing_keys set private_key = reverse(private_key)`
  // Whatever was opened before is remembered, hence another replica.
  await using other = await startReplica(users)
  await users.resources.query({ text: hidden })
  expect((await refresh(tokens.refresh_token, other.http)).statusCode).toBe(500)
  await users.resources.query({ text: hidden })
  await refreshed(tokens.refresh_token)
})

describe('a refresh token does not count', () => {
  test('after its lifetime', async () => {
    const { tokens, id } = await users.register()
    const text = `update refresh_tokens set expires_at = now() where session_id in (select id from sessions where user_id = $1)`
    await users.resources.query({ text, values: [id] })
    expect(await code(tokens.refresh_token)).toBe('refresh-token-invalid')
  })

  test.each([
    ['when its user is blocked', { status: 'blocked' }],
    ['when an admin gives its user another password', { password: 'another password' }],
  ])('%s', async (_when, payload) => {
    const { tokens, id } = await users.register()
    await users.http.inject({ method: 'PATCH', url: `/users/${id}`, headers: users.admin, payload })
    expect(await code(tokens.refresh_token)).toBe('refresh-token-invalid')
    // Nor later on.
    const unblock = {
      method: 'PATCH',
      url: `/users/${id}`,
      headers: users.admin,
      payload: { status: 'active' },
    } as const
    await users.http.inject(unblock)
    expect(await code(tokens.refresh_token)).toBe('refresh-token-invalid')
  })

  test.each([
    ['blocked', { status: 'blocked' }],
    ['given another password', { password: 'another password' }],
  ])('when its user is %s while signing in and refreshing', async (_how, payload) => {
    for (let round = 0; round < 5; round++) {
      const { tokens, id, email } = await users.register()
      const [change, ...given] = await Promise.all([
        users.http.inject({ method: 'PATCH', url: `/users/${id}`, headers: users.admin, payload }),
        refresh(tokens.refresh_token),
        users.http.inject({ method: 'POST', url: '/auth/login', payload: { email, password } }),
      ])
      expect(change.statusCode).toBe(200)
      const late = given.filter(({ statusCode }) => statusCode === 200).map(answer => answer.json<Tokens>())
      for (const { refresh_token } of late) expect(await code(refresh_token)).toBe('refresh-token-invalid')
    }
  })

  test('when its user is deleted', async () => {
    const { tokens, id } = await users.register()
    await users.http.inject({ method: 'DELETE', url: `/users/${id}`, headers: users.admin })
    expect(await code(tokens.refresh_token)).toBe('refresh-token-invalid')
  })

  test.each(['x', 'x'.repeat(43), 'null', ' '])('that nobody gave out: %j', async token => {
    expect(await code(token)).toBe('refresh-token-invalid')
  })

  test('that is an access token', async () => {
    const { tokens } = await users.register()
    const answer = await refresh(tokens.access_token.slice(0, 512))
    expect(answer.statusCode).toBe(401)
  })
})

test.each([
  {},
  { refresh_token: '' },
  { refresh_token: 1 },
  { refresh_token: 'x'.repeat(513) },
  { refresh_token: 'x\u0000' },
])('the body %j is refused', async payload => {
  const answer = await users.http.inject({ method: 'POST', url: '/auth/refresh', payload })
  expect(answer.statusCode).toBe(400)
  expect(answer.json().errors).toMatchObject([{ field: 'refresh_token' }])
})

describe('signing out', () => {
  const logOut = (headers: Record<string, string>) =>
    users.http.inject({ method: 'POST', url: '/auth/logout', headers })

  test('ends the session of the token, needs no body, and may be repeated', async () => {
    const { tokens, headers, email } = await users.register()
    const elsewhere = await users.logIn(email, password)
    expect((await logOut(headers)).statusCode).toBe(204)
    expect((await logOut(headers)).statusCode).toBe(204)
    expect(await code(tokens.refresh_token)).toBe('refresh-token-invalid')
    await refreshed(elsewhere.refresh_token)
  })

  test('takes an empty body that says it is JSON', async () => {
    const { headers } = await users.register()
    expect((await logOut({ ...headers, 'content-type': 'application/json' })).statusCode).toBe(204)
  })
})

test('what has expired is removed', async () => {
  const { id } = await users.register()
  const count = async () => {
    const text = `select (select count(*) from sessions where user_id = $1) + (select count(*) from refresh_tokens
                  join sessions on sessions.id = session_id where user_id = $1) as count`
    return Number((await users.resources.query<{ count: string }>({ text, values: [id] })).rows[0]?.count)
  }
  const prune = service.jobs?.find(({ name }) => name === 'prune-sign-ins')
  await prune?.run(users.resources as never, new AbortController().signal)
  expect(await count()).toBe(2)
  await users.resources.query({ text: `update sessions set expires_at = now() where user_id = $1`, values: [id] })
  await prune?.run(users.resources as never, new AbortController().signal)
  expect(await count()).toBe(0)
})
