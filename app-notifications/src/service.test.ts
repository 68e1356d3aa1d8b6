import { startService } from '@feira/chassis'
import { createTestDatabase, refuseStrangers, startTestService } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { office, service, worker } from './service.ts'

test('no route answers anybody whom it is not for', async () => {
  await using running = await startTestService(service)
  const { routes, attempts, publicRoutes } = await refuseStrangers(running)
  expect(routes).toBeGreaterThanOrEqual(4)
  expect(attempts).toBeGreaterThan(60)
  expect(publicRoutes).toEqual([])
})

const settings = { SMTP_URL: 'smtp://127.0.0.1:2525', MAIL_FROM: 'Feira <a@feira.test>', MAIL_DOMAIN: 'feira.test' }

test.each([
  ['service', service],
  ['worker', worker],
] as const)('in production the %s must be told by which server and from whom it writes', async (_name, value) => {
  const database = await createTestDatabase(service)
  const env = { DATABASE_URL: database.url, BROKER_URL: 'amqp://127.0.0.1:1', LOG_LEVEL: 'silent' }
  const auth = { AUTH_ISSUER: 'https://issuer.test', AUTH_JWKS_URL: 'https://issuer.test/jwks' }
  const start = (more: object) => startService(value, { ...env, ...auth, NODE_ENV: 'production', PORT: '0', ...more })
  try {
    const variables = Object.keys(settings)
    await expect(start({})).rejects.toMatchObject({ name: 'ConfigError', variables })
    for (const name of variables) {
      await expect(start({ ...settings, [name]: undefined })).rejects.toMatchObject({ variables: [name] })
    }
    await (await start(settings)).stop()
  } finally {
    await database.drop()
  }
})

test.each<[string, string]>([
  ['SMTP_URL', 'http://127.0.0.1'],
  ['SMTP_URL', 'mail.example.com'],
  ['MAIL_FROM', 'Feira'],
  ['MAIL_FROM', 'Feira <a@feira.test>\r\nBcc: <b@feira.test>'],
  ['MAIL_FROM', 'a@feira.test, b@feira.test'],
  ['MAIL_DOMAIN', 'feira.test>'],
  ['SMS_PROVIDER', 'pigeon'],
  ['NOTIFICATION_TIMEZONE', 'Brasilia'],
  ['NOTIFICATION_WORKERS', 'maybe'],
])('%s cannot be %j', async (name, value) => {
  const env = { DATABASE_URL: 'postgres://127.0.0.1:1/x', BROKER_URL: 'amqp://127.0.0.1:1', [name]: value }
  await expect(startService(service, env)).rejects.toMatchObject({ name: 'ConfigError', variables: [name] })
})

test('whoever runs, the queues are those of the service', () => {
  const names = (value: typeof service) => value.consumers.map(({ name }) => name)
  expect(names(service)).toEqual([
    'on-customer-event',
    'on-user-deleted',
    'on-snapshot-requested',
    'email-workers',
    'email-workers-high',
    'sms-workers',
    'sms-workers-high',
  ])
  expect(names(worker)).toEqual(names(service))
  expect(names(office)).toEqual(['on-customer-event', 'on-user-deleted', 'on-snapshot-requested'])
  const [emails, sms] = ['email-workers', 'sms-workers'].map(name => service.consumers.find(each => each.name === name))
  expect([emails, sms]).toMatchObject([{ maxInFlight: 3 }, { maxInFlight: 10 }])
})
