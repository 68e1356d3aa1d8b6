import { newId } from '@feira/chassis'
import { refuseStrangers } from '@feira/chassis/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPartnership, type Partnership } from './testing/partnership.ts'

let partnership: Partnership

beforeAll(async () => {
  partnership = await openPartnership()
})
afterAll(() => partnership[Symbol.asyncDispose]())

test('nothing is for everybody: events are for partners and admins, partners for admins', async () => {
  const { routes, attempts, publicRoutes } = await refuseStrangers(partnership)
  expect(publicRoutes).toEqual([])
  // Nine for partners and their keys, three of them with HEAD, and the chassis' own; those for events come on top.
  expect(routes).toBeGreaterThan(19)
  expect(attempts).toBeGreaterThan(routes * 15)
  const forEvents = partnership.http.accessTable.filter(({ url }) => url.startsWith('/events'))
  expect(forEvents.filter(({ quiet, access }) => !quiet && !access.includes('partner'))).toEqual([])
})

test('every route for partners takes their keys, and counts the request', async () => {
  const { headers } = await partnership.giveKey(await partnership.create({ limitPerSecond: 1_000 }))
  const routes = partnership.http.accessTable.filter(({ access }) => access !== 'public' && access.includes('partner'))
  expect(routes.length).toBeGreaterThan(7)
  for (const { method, url } of routes) {
    const answer = await partnership.http.inject({ method: method as 'GET', url: url.replaceAll(/:\w+/g, newId), headers }) // prettier-ignore
    expect([method, url, answer.statusCode === 401, answer.headers['ratelimit-limit']]).toEqual([method, url, false, '100']) // prettier-ignore
  }
})

test('the document says which routes take keys', async () => {
  const { paths } = (await partnership.http.inject('/docs/json')).json()
  expect(paths['/events'].post.security).toEqual([{ bearerAuth: [] }, { apiKey: [] }])
  expect(paths['/partners'].post.security).toEqual([{ bearerAuth: [] }])
})
