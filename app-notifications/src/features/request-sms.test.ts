import { newId } from '@feira/chassis'
import { asAdmin, asUser, waitUntil } from '@feira/chassis/testing'
import { notificationFailed, notificationSent, notificationsSms } from '@feira/contracts/notifications'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startMailing, type Mailing } from '../testing/mailing.ts'

let mailing: Mailing

beforeAll(async () => {
  mailing = await startMailing()
})
afterAll(() => mailing[Symbol.asyncDispose]())

const request = (payload: object, headers: object = asAdmin()) =>
  mailing.notifications.http.inject({ method: 'POST', url: '/notifications/sms', payload, headers: { ...headers } })
const rowOf = async (id: string) => (await mailing.sql('select * from notifications where id = $1', id))[0]

test.each(['normal', 'high'])(
  'a text message of priority %s is accepted and handed to the provider',
  async priority => {
    const answer = await request({ phone: '+5511999990000', message: 'Seu pedido saiu.', priority })
    expect(answer.statusCode, answer.body).toBe(202)
    const { id } = answer.json()
    await waitUntil('it is sent', async () => (await rowOf(id))?.['status'] === 'sent')
    expect(await rowOf(id)).toMatchObject({
      channel: 'sms',
      recipient: '+5511999990000',
      text: 'Seu pedido saiu.',
      attempts: 1,
    })
    const told = (await mailing.notifications.published(notificationSent)).find(event => event.notificationId === id)
    expect(told).toMatchObject({ channel: 'sms', version: 2 })
  },
)

test('anybody may publish one; nobody can be reached under what is no phone number', async () => {
  const work = { ...notificationsSms.example, notificationId: newId() }
  await mailing.notifications.deliver(notificationsSms, { ...work, priority: 'normal' })
  expect(await rowOf(work.notificationId)).toMatchObject({ status: 'sent', user_id: work.userId })
  const wrong = { ...work, notificationId: newId(), phone: '999990000', priority: 'normal' as const }
  await mailing.notifications.deliver(notificationsSms, wrong)
  expect(await rowOf(wrong.notificationId)).toMatchObject({ status: 'failed' })
  const told = (await mailing.notifications.published(notificationFailed)).map(({ notificationId }) => notificationId)
  expect(told).toEqual([wrong.notificationId])
})

test.each<[string, object]>([
  ['phone', { phone: '11999990000' }],
  ['phone', { phone: '+55 11 99999-0000' }],
  ['phone', { phone: '+0511999990000' }],
  ['phone', { phone: '+5511999990000\r\n' }],
  ['message', { message: '' }],
  ['message', { message: 'a'.repeat(1_001) }],
  ['priority', { priority: 1 }],
])('refused, naming %s: %j', async (field, fields) => {
  const answer = await request({ phone: '+5511999990000', message: 'Oi', ...fields })
  expect(answer.statusCode, answer.body).toBe(400)
  expect(answer.body).toContain(field)
})

test('only admins may ask', async () => {
  const body = { phone: '+5511999990000', message: 'Oi' }
  expect((await request(body, {})).statusCode).toBe(401)
  expect((await request(body, asUser())).statusCode).toBe(403)
})

test('the log shows neither the number nor the text', async () => {
  const lines: string[] = []
  const write = vi.spyOn(mailing.notifications.resources.log, 'info').mockImplementation((...args: unknown[]) => {
    lines.push(JSON.stringify(args))
  })
  await mailing.notifications.deliver(notificationsSms, {
    ...notificationsSms.example,
    notificationId: newId(),
    phone: '+5511987654321',
    text: 'segredo',
    priority: 'normal',
  })
  write.mockRestore()
  expect(lines.join('\n')).toContain('+55')
  expect(lines.join('\n')).not.toMatch(/987654321|segredo/)
})
