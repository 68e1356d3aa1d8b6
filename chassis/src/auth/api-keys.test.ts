import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../ids.ts'
import { Rejection } from '../rejection.ts'
import type { App } from '../service.ts'
import { asPartner, asUser, refuseStrangers, startTestService, type TestService } from '../testing/index.ts'
import { notesService } from '../testing/fixture/notes.ts'
import type { ApiKeys } from './api-keys.ts'
import type { Identity } from './caller.ts'
import { callerOf, optionalCallerOf } from './index.ts'

const holder = newId()
const known: Record<string, Identity> = {
  good: { id: holder, roles: ['partner'], claims: {} },
  blocked: new Rejection('partner-blocked', 403, 'This partner is blocked.'),
}
const apiKeys: ApiKeys = { roles: ['partner'], identify: async key => known[key] }

const routes = (app: App) => {
  app.get('/notes/mine', { config: { access: ['partner'] } }, async request => callerOf(request))
  app.get('/notes/all', { config: { access: ['admin'] } }, async () => ({}))
  app.get('/notes', { config: { access: 'public' } }, async request => ({ id: optionalCallerOf(request)?.id ?? null }))
}

let notes: TestService

beforeAll(async () => {
  notes = await startTestService(notesService({ routes: [routes], apiKeys }))
})
afterAll(() => notes[Symbol.asyncDispose]())

const get = (url: string, headers: Record<string, string> = {}) => notes.http.inject({ url, headers })
const realm = 'Bearer realm="feira"'

test('a caller is known by key as by token', async () => {
  expect((await get('/notes/mine', { 'x-api-key': 'good' })).json()).toMatchObject({ id: holder, roles: ['partner'] })
  expect((await get('/notes', { 'x-api-key': 'good' })).json()).toEqual({ id: holder })
  expect((await get('/notes/mine', asPartner())).statusCode).toBe(200)
})

test('what a key may not do it may not do', async () => {
  const answer = await get('/notes/all', { 'x-api-key': 'good' })
  expect(answer.json()).toMatchObject({ status: 403, code: 'role-missing' })
})

test.each([['bad'], [''], ['good, good'], ['a'.repeat(8_000)]])('the key %.9s does not count', async key => {
  const answer = await get('/notes/mine', { 'x-api-key': key })
  expect(answer.json()).toMatchObject({ status: 401, code: 'key-invalid' })
  expect(answer.headers['www-authenticate']).toBe(realm)
})

test('who sends a key that does not count is nobody, whatever else they send', async () => {
  expect((await get('/notes/mine', { ...asPartner(), 'x-api-key': 'bad' })).statusCode).toBe(401)
  expect((await get('/notes', { ...asUser(), 'x-api-key': 'bad' })).json()).toMatchObject({ code: 'key-invalid' })
})

test('a service may know a key and refuse it', async () => {
  const answer = await get('/notes/mine', { 'x-api-key': 'blocked' })
  expect(answer.json()).toMatchObject({ status: 403, code: 'partner-blocked' })
})

test('who sends nothing is told what to send: a key, where keys are taken', async () => {
  const [mine, all] = await Promise.all([get('/notes/mine'), get('/notes/all')])
  expect(mine.json().detail).toMatch('X-API-Key')
  expect(all.json().detail).not.toMatch('X-API-Key')
  expect(mine.headers['www-authenticate']).toBe(realm)
})

test('strangers stay out, and a service without keys takes none', async () => {
  expect((await refuseStrangers(notes)).routes).toBeGreaterThan(2)
  await using keyless = await startTestService(notesService({ routes: [routes] }))
  const answer = await keyless.http.inject({ url: '/notes/mine', headers: { 'x-api-key': 'good' } })
  expect(answer.json()).toMatchObject({ status: 401, code: 'token-missing' })
})
