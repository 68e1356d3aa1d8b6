import { expect, test } from 'vitest'
import { z } from 'zod'
import type { App } from '../service.ts'
import { notesService } from './fixture/notes.ts'
import { refuseStrangers, startTestService } from './index.ts'

const routes = (app: App) => {
  const schema = { params: z.object({ id: z.uuid() }) }
  app.get('/notes', { config: { access: 'public' } }, async () => ({}))
  app.get('/notes/:id', { config: { access: ['user', 'admin'] }, schema }, async () => ({}))
  app.put('/notes/:id', { config: { access: ['editor'] }, schema }, async () => ({}))
}

/** The routes of /ops, which every service has: three to write, two to read, each of those with HEAD. */
const ops = 7
/** Callers without a name; they are everywhere the same. */
const nobodies = 15

test('says how many routes were tried by how many strangers, and which are for everybody', async () => {
  await using notes = await startTestService(notesService({ routes: [routes] }))
  // Of user, admin, partner and editor: two are wrong for GET and HEAD, three for PUT and /ops; then all of these, and none.
  const wrong = 2 * (2 + 2) + (1 + ops) * (3 + 2)
  expect(await refuseStrangers(notes)).toEqual({
    routes: 3 + ops,
    attempts: (3 + ops) * nobodies + wrong,
    publicRoutes: ['GET /notes'],
  })
})

test('finds a route that answers before anybody asked who calls', async () => {
  const leak = (app: App) => {
    app.addHook('onRequest', async (request, reply) => {
      if (request.url.startsWith('/notes/')) await reply.send({ secret: true })
    })
    routes(app)
  }
  await using notes = await startTestService(notesService({ routes: [leak] }))
  const found = refuseStrangers(notes)
  await expect(found).rejects.toThrow('GET /notes/:id, without a token: 200 instead of 401')
  await expect(found).rejects.toThrow('PUT /notes/:id, as [user]: 200 instead of 403')
  await expect(found).rejects.not.toThrow('/ops')
})

test('finds a service that takes tokens meant for others, or of others', async () => {
  const service = notesService({ routes: [routes] })
  await using careless = await startTestService(service, { AUTH_AUDIENCE: 'feira,stranger' })
  await expect(refuseStrangers(careless)).rejects.toThrow('for another audience: 200 instead of 401')
  await using misled = await startTestService(service, { AUTH_ISSUER: 'https://stranger.test' })
  await expect(refuseStrangers(misled)).rejects.toThrow('of another issuer: 200 instead of 401')
})

test('finds a route that looks at the request before its caller', async () => {
  const curious = (app: App) => {
    app.addHook('onRequest', async (_request, reply) => reply.code(400).send({}))
    routes(app)
  }
  await using notes = await startTestService(notesService({ routes: [curious] }))
  await expect(refuseStrangers(notes)).rejects.toThrow('PUT /notes/:id, without a token: 400 instead of 401')
})
