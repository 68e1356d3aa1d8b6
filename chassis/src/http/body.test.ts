import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { App } from '../service.ts'
import { open, startHttp } from './server.testing.ts'

const json = { 'content-type': 'application/json' }
const echo = (app: App) => {
  app.post('/echo', { ...open, schema: { body: z.unknown() } }, async request => ({ body: request.body ?? 'none' }))
  app.post('/strict', { ...open, schema: { body: z.object({ name: z.string() }) } }, async request => request.body)
}

async function post(payload: string | Buffer, headers: Record<string, string> = json, url = '/echo') {
  const { app } = await startHttp([echo])
  return app.inject({ method: 'POST', url, payload, headers })
}

describe('a JSON body', () => {
  it.each(['application/json', 'application/json; charset=UTF-8', 'application/merge-patch+json', 'Application/JSON'])(
    'is taken as %s',
    async type => {
      const answer = await post('{"a":"é"}', { 'content-type': type })
      expect(answer.json()).toEqual({ body: { a: 'é' } })
    },
  )

  it.each([
    ['another type', { 'content-type': 'text/plain' }],
    ['no type', {}],
    ['a malformed type', { 'content-type': 'json' }],
    ['another charset', { 'content-type': 'application/json; charset=utf-16' }],
    ['compressed', { ...json, 'content-encoding': 'gzip' }],
  ])('is refused with what is accepted: %s', async (_, headers) => {
    const answer = await post(Buffer.from('{"a":1}'), headers)
    expect(answer.statusCode).toBe(415)
    expect(answer.json()).toMatchObject({ code: 'unsupported-media-type' })
    expect(answer.json<{ detail: string }>().detail).toContain('application/json')
  })

  it('that is malformed is refused with the place of the fault', async () => {
    const answer = await post('{"a":1,\n "b": x}')
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({
      code: 'malformed-json',
      detail: 'The body is not JSON: unexpected "x" at line 2, column 7.',
    })
  })

  it('that is not UTF-8 is refused', async () => {
    const answer = await post(Buffer.from([0x22, 0xc3, 0x28, 0x22]))
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'malformed-json' })
  })

  it('that is empty counts as none', async () => {
    expect((await post('')).json()).toEqual({ body: 'none' })
    const refused = await post('', json, '/strict')
    expect(refused.statusCode).toBe(400)
    expect(refused.json()).toMatchObject({ code: 'body-required' })
    expect((await post('', {}, '/strict')).json()).toMatchObject({ code: 'body-required' })
  })

  it.each(['[]', '5', '"text"'])('of the wrong kind, %s, is refused as a body', async payload => {
    const answer = await post(payload, json, '/strict')
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'body', field: 'body' }] })
  })

  it('over the limit is refused with 413, also without Content-Length', async () => {
    const { app } = await startHttp([echo], { bodyLimit: 100 })
    const declared = await app.inject({ method: 'POST', url: '/echo', headers: json, payload: '1'.repeat(101) })
    expect(declared.statusCode).toBe(413)
    expect(declared.json()).toMatchObject({ code: 'body-too-large' })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const body = new Blob(['1'.repeat(101)]).stream()
    const streamed = await fetch(`${url}/echo`, { method: 'POST', headers: json, body, duplex: 'half' })
    expect(streamed.status).toBe(413)
  })
})

describe('hostile text', () => {
  it.each([
    ['{"a":["x","\\u0000"]}', 'a.1', 'must not contain the character U+0000'],
    ['{"a":{"b":"x\\ud800y"}}', 'a.b', 'must not contain an unpaired surrogate'],
    ['{"a":{"b\\u0000":1}}', 'a.b\0', 'must not contain the character U+0000'],
    ['{"a":{"__proto__":{"admin":true}}}', 'a.__proto__', 'is not an accepted name'],
    ['{"\\u005f_proto__":1}', '__proto__', 'is not an accepted name'],
    ['{"constructor":{"prototype":{}}}', 'constructor', 'is not an accepted name'],
  ])('%s is refused, naming %s', async (payload, field, message) => {
    const answer = await post(payload)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'body', field, message }] })
  })

  it.each(['{"a":"\\u00e9\\ud83d\\ude00"}', '{"constructor":"Brunel"}', '"__proto__"'])(
    '%s is harmless',
    async payload => {
      expect((await post(payload)).statusCode).toBe(200)
    },
  )

  it('is named in at most 20 places', async () => {
    const answer = await post(JSON.stringify(Array.from({ length: 30 }, () => '\0')))
    expect(answer.json<{ errors: unknown[] }>().errors).toHaveLength(20)
  })
})

describe('nesting', () => {
  it('of 64 levels is taken, deeper is refused, however deep', async () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect((await post(nested(65))).statusCode).toBe(200)
    for (const levels of [66, 100_000]) {
      const answer = await post(nested(levels))
      expect(answer.statusCode).toBe(400)
      expect(answer.json<{ detail: string }>().detail).toContain('nested more than 64 levels')
    }
  })

  it('that never ends is malformed', async () => {
    expect((await post('{"a":'.repeat(100_000))).json()).toMatchObject({ code: 'malformed-json' })
  })

  it('is not mistaken for many brackets side by side', async () => {
    expect(
      (await post(JSON.stringify({ a: '['.repeat(200), b: Array.from({ length: 200 }, () => []) }))).statusCode,
    ).toBe(200)
  })
})
