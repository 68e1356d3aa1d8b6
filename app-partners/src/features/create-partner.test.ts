import { newId } from '@feira/chassis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { everything, openPartnership, type Partnership } from '../testing/partnership.ts'

let partnership: Partnership

beforeAll(async () => {
  partnership = await openPartnership()
})
afterAll(() => partnership[Symbol.asyncDispose]())

const post = (payload: object, headers: Record<string, string> = {}) =>
  partnership.admin('POST', '/partners', payload, headers)

describe('POST /partners', () => {
  test('adds a partner, with a secret for its webhooks', async () => {
    const email = 'compras@mercado.example'
    const answer = await post({ name: ' Mercado Bom ', email, webhookUrl: 'https://mercado.example/hooks', limitPerMinute: 500 }) // prettier-ignore
    expect(answer.statusCode).toBe(201)
    const partner = answer.json()
    expect(partner).toMatchObject({
      name: 'Mercado Bom',
      email,
      status: 'active',
      limitPerMinute: 500,
      limitPerSecond: null,
      webhookUrl: 'https://mercado.example/hooks',
      version: 1,
    })
    expect(Buffer.from(partner.webhookSecret.replace('whsec_', ''), 'base64')).toHaveLength(32)
    expect(answer.headers).toMatchObject({ location: `/partners/${partner.id}`, etag: '"1"', 'cache-control': 'no-store' }) // prettier-ignore
  })

  test('shows the secret once: neither a look nor a list has it', async () => {
    const { id } = (await post({ name: 'Uma Vez' })).json()
    for (const url of [`/partners/${id}`, '/partners?limit=100']) {
      const { statusCode, body } = await partnership.admin('GET', url)
      expect([statusCode, body.includes('whsec_')]).toEqual([200, false])
    }
  })

  test('does it once for one Idempotency-Key, and keeps no secret for the repetition', async () => {
    const headers = { 'idempotency-key': newId() }
    const [first, second] = [await post({ name: 'De Novo' }, headers), await post({ name: 'De Novo' }, headers)]
    expect(second.json()).toEqual({ ...first.json(), webhookSecret: null })
    expect(second.headers['idempotency-replayed']).toBe('true')
    const [kept] = await partnership.sql('select body from chassis.idempotency_keys where key = $1', headers['idempotency-key']) // prettier-ignore
    expect(JSON.stringify(kept)).not.toContain('whsec_')
  })

  test('links a partner to its user, once', async () => {
    const userId = newId()
    const answers = await Promise.all([1, 2, 3].map(() => post({ name: 'Ligada', userId: userId.toUpperCase() })))
    expect(answers.filter(({ statusCode }) => statusCode === 409)).toHaveLength(2)
    expect(answers.find(({ statusCode }) => statusCode === 201)?.json().id).toBe(userId)
    const refused = answers.find(({ statusCode }) => statusCode === 409)?.json()
    expect(refused).toMatchObject({ code: 'partner-exists', errors: [{ field: 'userId' }] })
  })

  test.each<[string, object, string]>([
    ['no name', {}, 'name'],
    ['an empty name', { name: ' ' }, 'name'],
    ['a name of two lines', { name: 'a\nb' }, 'name'],
    ['a name with U+0000', { name: 'a\0b' }, 'name'],
    ['a long name', { name: 'a'.repeat(201) }, 'name'],
    ['a bad address', { name: 'a', email: 'nobody' }, 'email'],
    ['a bad user', { name: 'a', userId: 'x' }, 'userId'],
    ['a limit of nothing', { name: 'a', limitPerMinute: 0 }, 'limitPerMinute'],
    ['a limit that is no number', { name: 'a', limitPerSecond: '10' }, 'limitPerSecond'],
    ['a limit beyond all', { name: 'a', limitPerSecond: 100_001 }, 'limitPerSecond'],
    ['a webhook that is no URL', { name: 'a', webhookUrl: 'file:///etc/passwd' }, 'webhookUrl'],
    ['a field of its own', { name: 'a', status: 'active' }, 'status'],
    ['a secret of its own', { name: 'a', webhookSecret: 'whsec_x' }, 'webhookSecret'],
  ])('refuses %s', async (_, payload, field) => {
    const answer = await post(payload)
    expect(answer.statusCode).toBe(400)
    expect(answer.json().errors).toMatchObject([{ in: 'body', field }])
  })
})

describe('POST /partners/:id/keys', () => {
  test('gives a key that is shown once and kept nowhere', async () => {
    const id = await partnership.create()
    const headers = { 'idempotency-key': newId() }
    const give = () => partnership.admin('POST', `/partners/${id}/keys`, { label: 'caixa 1' }, headers)
    const answer = await give()
    expect([answer.statusCode, answer.headers['cache-control']]).toEqual([201, 'no-store'])
    const { key, ...view } = answer.json()
    expect(view).toMatchObject({ label: 'caixa 1', revokedAt: null })
    expect((await partnership.call({ 'x-api-key': key })).statusCode).toBe(200)
    expect((await give()).json()).toEqual({ ...view, key: null })
    expect((await partnership.admin('GET', `/partners/${id}/keys`)).json().items).toEqual([view])
    const database = await everything(partnership)
    expect(database).toContain(view.id)
    expect(database).not.toContain(key.split('_')[2])
  })

  test('needs a partner', async () => {
    const answer = await partnership.admin('POST', `/partners/${newId()}/keys`)
    expect(answer.json()).toMatchObject({ status: 404, code: 'partner-not-found' })
  })

  test('pages through the keys of one partner, newest first', async () => {
    const id = await partnership.create()
    const ids = [await partnership.giveKey(id), await partnership.giveKey(id), await partnership.giveKey(id)].map(each => each.id) // prettier-ignore
    const first = (await partnership.admin('GET', `/partners/${id}/keys?limit=2`)).json()
    const rest = (await partnership.admin('GET', `/partners/${id}/keys?limit=2&cursor=${first.nextCursor}`)).json()
    expect([...first.items, ...rest.items].map(each => each.id)).toEqual(ids.toReversed())
    expect(rest.nextCursor).toBeNull()
  })
})

describe('a key', () => {
  test('that was revoked counts no more, and its partner may have others', async () => {
    const id = await partnership.create()
    const [one, other] = [await partnership.giveKey(id), await partnership.giveKey(id)]
    const revoke = () => partnership.admin('DELETE', `/partners/${id}/keys/${one.id}`)
    expect((await revoke()).statusCode).toBe(204)
    const refused = await partnership.call(one.headers)
    expect(refused.json()).toMatchObject({ status: 401, code: 'key-invalid' })
    expect(refused.headers['www-authenticate']).toBe('Bearer realm="feira"')
    expect((await partnership.call(other.headers)).statusCode).toBe(200)
    const revokedAt = async () => (await partnership.admin('GET', `/partners/${id}/keys`)).json().items[1].revokedAt
    const first = await revokedAt()
    expect((await revoke()).statusCode).toBe(204)
    expect([first, await revokedAt()]).toEqual([expect.any(String), first])
  })

  test('of somebody else is not revoked by a wrong address', async () => {
    const [mine, theirs] = [await partnership.create(), await partnership.create()]
    const key = await partnership.giveKey(theirs)
    expect((await partnership.admin('DELETE', `/partners/${mine}/keys/${key.id}`)).statusCode).toBe(404)
    expect((await partnership.call(key.headers)).statusCode).toBe(200)
  })

  test('with another secret, or unknown, is none', async () => {
    const { headers } = await partnership.giveKey(await partnership.create())
    const key = headers['x-api-key']
    const [, id = '', secret = ''] = key.split('_')
    for (const bad of [
      `feira_${id}_${'0'.repeat(48)}`,
      `feira_${newId().replaceAll('-', '')}_${secret}`,
      key.slice(0, -1),
      `${key}, ${key}`,
    ]) {
      // prettier-ignore
      expect((await partnership.call({ 'x-api-key': bad })).json()).toMatchObject({ status: 401, code: 'key-invalid' })
    }
  })

  test('does not open what is for admins', async () => {
    const id = await partnership.create()
    const { headers } = await partnership.giveKey(id)
    for (const url of ['/partners', `/partners/${id}`, `/partners/${id}/keys`, '/ops/dead-letters'])
      expect((await partnership.http.inject({ url, headers })).statusCode).toBe(403)
  })
})
