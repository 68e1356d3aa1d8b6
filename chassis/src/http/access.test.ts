import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { callerOf, isAdmin, mayAccess, optionalCallerOf } from '../auth/index.ts'
import { newId } from '../ids.ts'
import type { App } from '../service.ts'
import {
  asAdmin,
  asCaller,
  asPartner,
  asUser,
  signToken,
  startTestService,
  type TestService,
} from '../testing/index.ts'
import { notesService } from '../testing/fixture/notes.ts'
import { startHttp } from './server.testing.ts'

const routes = (app: App) => {
  const params = z.object({ id: z.uuid() })
  const body = z.strictObject({ text: z.string() })
  app.get('/notes/:id', { config: { access: ['user', 'admin'] }, schema: { params } }, async request => {
    const caller = callerOf(request)
    return { caller, admin: isAdmin(caller), mine: mayAccess(caller, request.params.id) }
  })
  app.post('/notes', { config: { access: ['admin'] }, schema: { body } }, async request => request.body)
  app.get('/notes', { config: { access: 'public' } }, async () => ({ items: [] }))
  app.get('/notes/greeting', { config: { access: 'public' } }, async request => {
    return { hello: optionalCallerOf(request)?.name ?? 'stranger' }
  })
}

let notes: TestService

beforeAll(async () => {
  notes = await startTestService(notesService({ routes: [routes] }))
})
afterAll(() => notes[Symbol.asyncDispose]())

const get = (url: string, headers: Record<string, string> = {}) => notes.http.inject({ url, headers })
const realm = 'Bearer realm="feira"'

describe('a route for some roles', () => {
  test('knows its caller', async () => {
    const id = newId()
    const answer = await get(`/notes/${id}`, asUser(id, { email: 'ana@example.com', name: 'Ana', sid: 's1' }))
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      caller: { id, roles: ['user'], email: 'ana@example.com', name: 'Ana', sessionId: 's1', claims: { sub: id } },
      admin: false,
      mine: true,
    })
  })

  test('tells what is theirs from what is not', async () => {
    expect((await get(`/notes/${newId()}`, asUser())).json()).toMatchObject({ admin: false, mine: false })
    expect((await get(`/notes/${newId()}`, asAdmin())).json()).toMatchObject({ admin: true, mine: true })
  })

  test('refuses who is nobody', async () => {
    const answer = await get(`/notes/${newId()}`)
    expect(answer.statusCode).toBe(401)
    expect(answer.json()).toMatchObject({ code: 'token-missing' })
    expect(answer.headers['www-authenticate']).toBe(realm)
  })

  test('refuses who has another role, and names those that may', async () => {
    const answer = await get(`/notes/${newId()}`, asPartner())
    expect(answer.statusCode).toBe(403)
    expect(answer.json()).toMatchObject({ code: 'role-missing', detail: 'Only for the role user or admin.' })
    expect(answer.headers['www-authenticate']).toMatch(`${realm}, error="insufficient_scope"`)
  })

  test('says so before it looks at anything else', async () => {
    expect((await get('/notes/42')).statusCode).toBe(401)
    expect((await get('/notes/42', asPartner())).statusCode).toBe(403)
    expect((await get('/notes/42', asUser())).statusCode).toBe(400)
    const post = (headers: Record<string, string>) =>
      notes.http.inject({ method: 'POST', url: '/notes', payload: '{', headers: { ...headers, 'content-type': 'application/json' } }) // prettier-ignore
    expect((await post({})).statusCode).toBe(401)
    expect((await post(asUser())).statusCode).toBe(403)
    expect((await post(asAdmin())).statusCode).toBe(400)
  })

  test('HEAD is refused alike', async () => {
    const head = (headers: Record<string, string>) =>
      notes.http.inject({ method: 'HEAD', url: `/notes/${newId()}`, headers })
    expect((await head({})).statusCode).toBe(401)
    expect((await head(asPartner())).statusCode).toBe(403)
    expect((await head(asUser())).statusCode).toBe(200)
  })

  test('what is not there is not there, with or without a token', async () => {
    for (const headers of [{}, asUser(), { authorization: 'Bearer x' }]) {
      expect((await get('/nothing', headers)).json()).toMatchObject({ status: 404, code: 'route-not-found' })
    }
    expect((await notes.http.inject({ method: 'OPTIONS', url: '/notes' })).statusCode).toBe(405)
  })
})

describe('a public route', () => {
  const bad = { authorization: `Bearer ${signToken({}, { expiresIn: -60 })}` }

  test('takes everybody, also with a token that does not count', async () => {
    for (const headers of [{}, bad, asUser()]) expect((await get('/notes', headers)).statusCode).toBe(200)
  })

  test('may know who calls, but never takes a broken token for nobody', async () => {
    expect((await get('/notes/greeting')).json()).toEqual({ hello: 'stranger' })
    expect((await get('/notes/greeting', asCaller({ name: 'Ana' }))).json()).toEqual({ hello: 'Ana' })
    expect((await get('/notes/greeting', bad)).json()).toMatchObject({ status: 401, code: 'token-expired' })
  })
})

test.each([
  ['no access', {}],
  ['nobody', { config: { access: [] } }],
  ['a role that is no list', { config: { access: 'admin' as never } }],
])('a route with %s stops the service from starting', async (_, options) => {
  const started = startHttp([app => app.get('/orders/:id', options, async () => ({}))])
  await expect(started).rejects.toThrow('GET /orders/:id does not say who may call it')
})

test('probes, documentation and metrics are for everybody', async () => {
  for (const url of ['/live', '/ready', '/health', '/notes/ready', '/metrics', '/docs/json']) {
    expect([url, (await get(url, { authorization: 'Bearer broken' })).statusCode]).toEqual([url, 200])
  }
})
