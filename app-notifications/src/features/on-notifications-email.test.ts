import { newId } from '@feira/chassis'
import { asAdmin, waitUntil } from '@feira/chassis/testing'
import { notificationFailed, notificationsEmail, notificationSent } from '@feira/contracts/notifications'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'
import { email, startMailing, type Mailing } from '../testing/mailing.ts'

let mailing: Mailing

beforeAll(async () => {
  mailing = await startMailing({
    SMTP_TIMEOUT: '300ms',
    MAIL_FROM: 'Feira <loja@feira.test>',
    MAIL_DOMAIN: 'feira.test',
  })
})
afterEach(() => {
  mailing.mail.behave = () => 'accept'
})
afterAll(() => mailing[Symbol.asyncDispose]())

let count = 0
const somebody = () => `ana-${++count}@example.com`
const send = (work: ReturnType<typeof email>, options?: object) =>
  mailing.notifications.deliver(notificationsEmail, work, options)
const rowOf = async ({ notificationId }: { notificationId: string }) =>
  (await mailing.sql('select * from notifications where id = $1', notificationId))[0]
const ledgerOf = ({ notificationId }: { notificationId: string }) =>
  mailing.sql(
    'select number, outcome, error from delivery_attempts where notification_id = $1 order by number',
    notificationId,
  )
const eventsAbout = async (message: typeof notificationSent | typeof notificationFailed, { notificationId = '' }) =>
  (await mailing.notifications.published(message)).filter(event => event.notificationId === notificationId)
const deadLetters = (messageId: string) =>
  mailing.sql('select * from chassis.dead_letters where message_id = $1', messageId)

describe('an e-mail', () => {
  test('arrives with both its parts, from the shop, under a Message-ID of its own', async () => {
    const work = email(somebody(), { subject: 'Olá, você!', text: 'Açaí às 10 h.', html: '<p>A&ccedil;a&iacute;</p>' })
    await send(work)
    const [mail, ...others] = mailing.mail.to(work.to ?? '')
    expect(others).toEqual([])
    expect(mail).toMatchObject({
      messageId: `<${work.notificationId}@feira.test>`,
      from: { name: 'Feira', address: 'loja@feira.test' },
      to: [{ address: work.to }],
      subject: 'Olá, você!',
      text: 'Açaí às 10 h.\n',
      html: '<p>A&ccedil;a&iacute;</p>\n',
    })
    expect(mail?.headers).toContainEqual(expect.objectContaining({ key: 'auto-submitted', value: 'auto-generated' }))
  })

  test('of a notification that nobody knew makes its row, is noted and told', async () => {
    const work = email(somebody())
    await send(work)
    expect(await rowOf(work)).toMatchObject({
      channel: 'email',
      status: 'sent',
      user_id: work.userId,
      order_id: work.orderId,
      recipient: work.to,
      attempts: 1,
      version: 2,
      sent_at: expect.any(Date),
    })
    expect(await ledgerOf(work)).toEqual([{ number: 1, outcome: 'sent', error: null }])
    expect(await eventsAbout(notificationSent, work)).toEqual([
      {
        notificationId: work.notificationId,
        userId: work.userId,
        orderId: work.orderId,
        version: 2,
        channel: 'email',
        template: null,
        recipient: work.to,
        sentAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    ])
  })

  test('has one part when there is no HTML', async () => {
    const work = email(somebody(), { html: null as never })
    await send(work)
    expect(mailing.mail.to(work.to ?? '')[0]?.html).toBeUndefined()
  })

  test('cannot gain headers by its subject', async () => {
    const work = email(somebody(), { subject: 'Hi\r\nBcc: all@example.com\r\n\r\nText' })
    await send(work)
    const [mail] = mailing.mail.to(work.to ?? '')
    expect(mail?.subject).toBe('Hi Bcc: all@example.com Text')
    expect(mail?.bcc).toBeUndefined()
  })

  test.each([
    'ana@example.com\r\nBcc: all@example.com',
    'ana@example.com, bob@example.com',
    'Ana <ana@example.com>',
    'ana',
  ])('to %j is refused at once', async to => {
    const work = email(to)
    const messageId = await send(work)
    expect(await deadLetters(messageId)).toMatchObject([{ reason: 'rejected', attempts: 1 }])
    expect(await rowOf(work)).toMatchObject({ status: 'failed', recipient: to, attempts: 0 })
    expect(await eventsAbout(notificationFailed, work)).toMatchObject([{ version: 2, reason: 'invalid-recipient' }])
  })

  test('to somebody who was erased is not sent', async () => {
    const work = email(null, { subject: null as never, text: null as never, html: null as never })
    const messageId = await send(work)
    expect(await rowOf(work)).toBeUndefined()
    expect(await deadLetters(messageId)).toEqual([])
  })
})

describe('one e-mail for each notification', () => {
  test('however often its message comes', async () => {
    const [work, messageId] = [email(somebody()), newId()]
    for (let time = 0; time < 3; time++) await send(work, { messageId })
    expect(mailing.mail.to(work.to ?? '')).toHaveLength(1)
    expect(await eventsAbout(notificationSent, work)).toHaveLength(1)
  })

  test('however many messages are about it, at the same time, in either queue', async () => {
    const work = email(somebody())
    await Promise.all(Array.from({ length: 8 }, () => send(work)))
    await Promise.all(Array.from({ length: 4 }, () => send({ ...work, priority: 'high' })))
    await waitUntil('it is sent', async () => (await rowOf(work))?.['status'] === 'sent')
    expect(mailing.mail.to(work.to ?? '')).toHaveLength(1)
    expect(await ledgerOf(work)).toHaveLength(1)
  })
})

describe('a mail server that says no', () => {
  test('for good ends it at once, and the shop learns of it', async () => {
    mailing.mail.behave = () => 550
    const work = email(somebody())
    const messageId = await send(work)
    expect(mailing.mail.tries.get(work.to ?? '')).toBe(1)
    expect(await rowOf(work)).toMatchObject({ status: 'failed', attempts: 1, version: 2, sent_at: null })
    expect((await rowOf(work))?.['last_error']).toMatch(/550/)
    expect(await ledgerOf(work)).toMatchObject([{ number: 1, outcome: 'failed', error: expect.stringMatching(/550/) }])
    expect(await deadLetters(messageId)).toMatchObject([{ reason: 'rejected' }])
    const [told] = await eventsAbout(notificationFailed, work)
    expect(told).toMatchObject({ version: 2, reason: 'mail-refused', recipient: work.to })
  })

  test('for now is asked again', async () => {
    mailing.mail.behave = (_, time) => (time < 3 ? 451 : 'accept')
    const work = email(somebody())
    await send(work)
    expect(await rowOf(work)).toMatchObject({ status: 'sent', attempts: 3, last_error: null })
    expect((await ledgerOf(work)).map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'sent'])
    expect(mailing.mail.to(work.to ?? '')).toHaveLength(1)
  })

  test('too often makes it fail; a replay of the dead letter sends it after all', async () => {
    mailing.mail.behave = () => 451
    const work = email(somebody())
    const messageId = await send(work)
    expect(await rowOf(work)).toMatchObject({ status: 'failed', attempts: 3, version: 2 })
    expect(await eventsAbout(notificationFailed, work)).toMatchObject([{ reason: 'attempts-exhausted' }])
    mailing.mail.behave = () => 'accept'
    const [dead] = await deadLetters(messageId)
    const answer = await mailing.notifications.http.inject({
      method: 'POST',
      url: `/ops/dead-letters/${String(dead?.['id'])}/replay`,
      headers: asAdmin(),
    })
    expect(answer.statusCode, answer.body).toBeLessThan(300)
    await waitUntil('it is sent', async () => (await rowOf(work))?.['status'] === 'sent')
    expect(await rowOf(work)).toMatchObject({ attempts: 4, version: 3 })
    expect(mailing.mail.to(work.to ?? '')).toHaveLength(1)
  })
})

describe('a mail server that says nothing', () => {
  test.each(['drop', 'hang'] as const)(
    'after the message (%s) gets it again under the same Message-ID',
    async behaviour => {
      mailing.mail.behave = (_, time) => (time === 1 ? behaviour : 'accept')
      const work = email(somebody())
      await send(work)
      const mails = mailing.mail.to(work.to ?? '')
      expect(mails.map(({ messageId }) => messageId)).toEqual(Array(2).fill(`<${work.notificationId}@feira.test>`))
      expect((await ledgerOf(work)).map(({ outcome }) => outcome)).toEqual(['unknown', 'sent'])
      expect(await eventsAbout(notificationSent, work)).toHaveLength(1)
    },
  )
})

test('while the mail server is away an e-mail that has waited long enough is put back and tried anew, not given up', async () => {
  await using slow = await startMailing({ HANDLER_TIMEOUT: '500ms' }, service)
  await slow.mail.stop()
  const works = Array.from({ length: 4 }, () => email(somebody()))
  await slow.notifications.resources.transact(async tx => {
    for (const work of works) tx.publish(notificationsEmail, work)
  })
  const putBack = `select 1 from chassis.outbox where type = 'notifications.email'`
  await waitUntil('each was put back a few times', async () => (await slow.sql(putBack)).length > 20)
  expect(await slow.sql('select 1 from notifications where last_error is null')).toEqual([])
  await slow.mail.start()
  const done = `select 1 from notifications where status = 'sent'`
  await waitUntil('all are sent', async () => (await slow.sql(done)).length === 4)
  expect(slow.mail.received.map(({ recipient }) => recipient).toSorted()).toEqual(
    works.map(({ to }) => to ?? '').toSorted(),
  )
  expect(await slow.sql('select 1 from chassis.dead_letters')).toEqual([])
})
