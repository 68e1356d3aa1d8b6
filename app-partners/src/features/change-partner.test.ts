import { newId } from '@feira/chassis'
import { asPartner } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPartnership, type Partnership } from '../testing/partnership.ts'

let partnership: Partnership

beforeAll(async () => {
  partnership = await openPartnership()
})
afterAll(() => partnership[Symbol.asyncDispose]())

const patch = (id: string, payload: object, headers: Record<string, string> = {}) =>
  partnership.admin('PATCH', `/partners/${id}`, payload, headers)
const read = async (id: string) => (await partnership.admin('GET', `/partners/${id}`)).json()

describe('PATCH /partners/:id', () => {
  test('changes what it names, and takes away what is null', async () => {
    const id = await partnership.create({ email: 'a@b.example', limitPerMinute: 7 })
    const answer = await patch(id, { name: 'Novo Nome', email: null }, { 'if-match': '"1"' })
    expect([answer.statusCode, answer.headers.etag]).toEqual([200, '"2"'])
    expect(answer.json()).toMatchObject({ name: 'Novo Nome', email: null, limitPerMinute: 7, version: 2 })
    expect(await read(id)).toEqual(answer.json())
  })

  test('that changes nothing is no change', async () => {
    const id = await partnership.create({ limitPerMinute: 7 })
    expect((await patch(id, { limitPerMinute: 7 })).json().version).toBe(1)
  })

  test('does not overwrite what it has not seen', async () => {
    const id = await partnership.create()
    await patch(id, { name: 'Outro' })
    const answer = await patch(id, { name: 'Perdido' }, { 'if-match': '"1"' })
    expect(answer.json()).toMatchObject({ status: 412, code: 'precondition-failed' })
    expect((await read(id)).name).toBe('Outro')
  })

  test.each<[object, string]>([
    [{}, 'body'],
    [{ status: 'deleted' }, 'status'],
    [{ name: null }, 'name'],
    [{ limitPerMinute: 1.5 }, 'limitPerMinute'],
    [{ webhookUrl: 'javascript:alert(1)' }, 'webhookUrl'],
    [{ id: newId() }, 'id'],
    [{ version: 9 }, 'version'],
  ])('refuses %j', async (payload, field) => {
    const answer = await patch(await partnership.create(), payload)
    expect([answer.statusCode, answer.json().errors[0].field]).toEqual([400, field])
  })
})

test('who is blocked is refused with key and token, and let in again when it is not', async () => {
  const id = newId()
  await partnership.create({ userId: id })
  const { headers } = await partnership.giveKey(id)
  const statuses = async () => [
    (await partnership.call(headers)).json().code,
    (await partnership.call(asPartner(id))).json().code,
  ]
  await patch(id, { status: 'blocked' })
  expect(await statuses()).toEqual(['partner-blocked', 'partner-blocked'])
  await patch(id, { status: 'active' })
  expect(await statuses()).toEqual([undefined, undefined])
})

describe('DELETE /partners/:id', () => {
  test('ends its keys and tokens, its webhooks, and itself, and erases who it was', async () => {
    const id = newId()
    await partnership.create({ userId: id, email: 'ana@mercado.example', webhookUrl: 'https://mercado.example/hooks' })
    const { headers } = await partnership.giveKey(id)
    const url = `/partners/${id}`
    expect((await partnership.admin('DELETE', url, undefined, { 'if-match': '"9"' })).statusCode).toBe(412)
    expect((await partnership.admin('DELETE', url)).statusCode).toBe(204)
    expect((await partnership.call(headers)).json()).toMatchObject({ status: 401, code: 'key-invalid' })
    expect((await partnership.call(asPartner(id))).json()).toMatchObject({ status: 401, code: 'token-invalid' })
    const requests = (['GET', 'PATCH', 'DELETE'] as const).map(method =>
      partnership.admin(method, url, method === 'PATCH' ? { name: 'a' } : undefined),
    )
    expect((await Promise.all(requests)).map(({ statusCode }) => statusCode)).toEqual([404, 404, 404])
    expect((await partnership.admin('POST', '/partners', { name: 'a', userId: id })).statusCode).toBe(409)
    const rows = await partnership.sql(
      'select name, email, webhook_url, webhook_secret from partners where id = $1',
      id,
    )
    expect(rows).toEqual([{ name: null, email: null, webhook_url: null, webhook_secret: null }])
  })
})

describe('POST /partners/:id/webhook-secret', () => {
  test('gives another secret, shown there alone', async () => {
    const id = await partnership.create()
    const kept = async () =>
      (await partnership.sql('select webhook_secret as s from partners where id = $1', id))[0]?.['s']
    const before = await kept()
    const answer = await partnership.admin('POST', `/partners/${id}/webhook-secret`)
    expect([answer.statusCode, answer.headers['cache-control'], answer.headers.etag]).toEqual([200, 'no-store', '"2"'])
    expect(answer.json().webhookSecret).toBe(await kept())
    expect(await kept()).not.toBe(before)
  })
})

test('GET /partners pages through all that are there, newest first', async () => {
  const ids = [await partnership.create(), await partnership.create(), await partnership.create()]
  await partnership.admin('DELETE', `/partners/${ids[1]}`)
  const found: string[] = []
  for (let cursor = ''; ;) {
    const list = (await partnership.admin('GET', `/partners?limit=1${cursor}`)).json()
    found.push(...list.items.map(({ id }: { id: string }) => id))
    if (list.nextCursor === null) break
    cursor = `&cursor=${list.nextCursor}`
  }
  expect(found.slice(0, 2)).toEqual([ids[2], ids[0]])
  expect(new Set(found).size).toBe(found.length)
  expect((await partnership.admin('GET', '/partners?cursor=e30')).statusCode).toBe(400)
})

test('GET /partners/:id tells who has seen it already that nothing is new', async () => {
  const id = await partnership.create()
  const { headers } = await partnership.admin('GET', `/partners/${id}`)
  const again = await partnership.admin('GET', `/partners/${id}`, undefined, {
    'if-none-match': headers.etag as string,
  })
  expect([headers.etag, again.statusCode]).toEqual(['"1"', 304])
})
