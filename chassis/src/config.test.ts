import { rootCertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { baseConfig, ConfigError, duration, durations, flag, integer, readConfig, timeZone } from './config.ts'

const secret = 's3cr3t'
const needed = { DATABASE_URL: 'postgres://a:b@127.0.0.1/orders', BROKER_URL: 'amqp://127.0.0.1' }

function refusalOf(env: Record<string, string>): ConfigError {
  try {
    readConfig('app-orders', baseConfig, env)
  } catch (error) {
    if (error instanceof ConfigError) return error
  }
  throw new Error('it was not refused')
}

test('two variables suffice', () => {
  expect(readConfig('app-orders', baseConfig, needed)).toMatchObject({
    ...needed,
    PORT: undefined,
    OUTBOX_POLL_INTERVAL: 500,
    OUTBOX_RETENTION: 7 * 86_400_000,
    RETRY_DELAYS: [1_000, 2_000, 4_000, 8_000, 16_000],
    LOG_LEVEL: 'info',
    DEBUG: false,
  })
})

test('every bad variable is named at once, with what it is for, and no value is printed', () => {
  const bad = Object.fromEntries(Object.keys(baseConfig).map(name => [name, `?${secret}`]))
  const lenient = ['NODE_ENV', 'HOST', 'BROKER_NAMESPACE', 'CRASH_AT', 'AUTH_AUDIENCE', 'AUTH_ROLES_CLAIM']
  const { message, variables } = refusalOf(bad)
  expect(variables).toEqual(Object.keys(baseConfig).filter(name => !lenient.includes(name)))
  for (const name of variables) expect(message).toContain(`  ${name}`)
  expect(message).toContain('must be a URL that starts with postgres:// or postgresql://')
  expect(message).not.toContain(secret)
})

test('what is missing is said to be missing; an empty variable is missing too', () => {
  const { message, variables } = refusalOf({ DATABASE_URL: '', DEBUG: '', PORT: '' })
  expect(variables).toEqual(['DATABASE_URL', 'BROKER_URL'])
  expect(message).toMatch(/^app-orders cannot start: 2 of its settings missing or wrong\.$/m)
  expect(message).toMatch(/^ {2}DATABASE_URL {2}is missing \(the PostgreSQL database/m)
})

test('production wants what has a default for development only, and names it with all that is wrong', () => {
  const shape = { ...baseConfig, FROM: z.string().default('nobody').meta({ developmentDefault: true }).describe('who') }
  expect(readConfig('test', shape, needed)).toMatchObject({ FROM: 'nobody', AUTH_ISSUER: 'http://localhost:8000' })
  const production = { ...needed, NODE_ENV: 'production', AUTH_ISSUER: 'https://issuer.test', AUTH_JWKS_URL: '' }
  expect(() => readConfig('test', shape, { ...production, PORT: 'x' })).toThrow(
    expect.objectContaining({ variables: ['PORT', 'AUTH_JWKS_URL', 'FROM'] }),
  )
  expect(() => readConfig('test', shape, production)).toThrow(/FROM +is missing; its default is for development/)
})

const read = (schema: z.ZodType, text: string) => readConfig('test', { IT: schema }, { IT: text }).IT

test.each([
  ['0ms', 0],
  ['500ms', 500],
  ['1.5s', 1_500],
  ['0.0014s', 1],
  ['5m', 300_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
])('%s is a duration of %d ms', (text, milliseconds) => {
  expect(read(duration(), text)).toBe(milliseconds)
})

test.each(['5', 's', '-1s', '1 s', '1w', '1s2s', '1.s'])('%j is no duration', text => {
  expect(() => read(duration(), text)).toThrow('must be a duration')
})

test('durations are a list', () => {
  expect(read(durations(), '1s, 4s,16s')).toEqual([1_000, 4_000, 16_000])
  expect(() => read(durations(), '1s,,2s')).toThrow('must be a duration')
})

test('a flag is true or false', () => {
  expect(['true', '1', 'false', '0'].map(text => read(flag(), text))).toEqual([true, true, false, false])
  for (const text of ['yes', 'TRUE', '2']) expect(() => read(flag(), text)).toThrow('must be true or false')
})

test('an integer is whole and within its bounds', () => {
  expect(['-2', '0', '7'].map(text => read(integer(-2, 7), text))).toEqual([-2, 0, 7])
  for (const text of ['-3', '8', '1.5', '1e1', ' 1', '0x1', 'one'])
    expect(() => read(integer(-2, 7), text)).toThrow('IT')
})

test('a login in a URL is percent-encoded', () => {
  const urls = { DATABASE_URL: 'postgres', BROKER_URL: 'amqps', REDIS_URL: 'rediss' }
  for (const [variable, protocol] of Object.entries(urls)) {
    const reading = (password: string) => () =>
      readConfig('test', baseConfig, { ...needed, [variable]: `${protocol}://a:${password}@127.0.0.1` })
    expect(reading('100%25')).not.toThrow()
    expect(reading('100%')).toThrow(`${variable}  must have its user and password percent-encoded`)
  }
})

test('of encryption a database URL says what means the same everywhere, and nothing else', () => {
  const database = (query: string) =>
    readConfig('test', baseConfig, { ...needed, DATABASE_URL: `postgres://a:${secret}@127.0.0.1/orders?${query}` })
  for (const mode of ['disable', 'require', 'verify-ca', 'verify-full']) database(`sslmode=${mode}&application_name=x`)
  for (const query of [
    'sslmode=prefer',
    'sslmode=no-verify',
    'sslmode=',
    'ssl=true',
    'sslrootcert=/a',
    'uselibpqcompat=true',
  ])
    expect(() => database(query)).toThrow('must say of encryption only sslmode=disable|require|verify-ca|verify-full')
})

test('authorities are certificates in PEM, with line breaks as they are or as \\\\n', () => {
  const authorities = (text: string) => readConfig('test', baseConfig, { ...needed, DATABASE_CA: text }).DATABASE_CA
  const [one, two] = rootCertificates as [string, string]
  const both = `# Amazon\n${one}\n${two}\n`
  for (const text of [both, both.replaceAll('\n', '\\n')]) expect(authorities(text)).toBe(both)
  const key = one.replaceAll('CERTIFICATE', 'PRIVATE KEY')
  for (const text of [
    secret,
    one.slice(0, -30),
    one.replace('MII', 'AAA'),
    `${one}\n${two.slice(0, 99)}`,
    `${one}\n${key}`,
  ])
    expect(() => authorities(text)).toThrow('must be certificates in PEM')
})

test('a share is between 0 and 1', () => {
  const shares = (text: string) => readConfig('test', baseConfig, { ...needed, OTEL_TRACES_SAMPLER_ARG: text })
  expect(shares('0.1').OTEL_TRACES_SAMPLER_ARG).toBe(0.1)
  for (const text of ['1.1', '-0.1', 'all']) expect(() => shares(text)).toThrow('OTEL_TRACES_SAMPLER_ARG')
})

test('instrumentation is one of three, and its name is said when it is not', () => {
  const mode = (text: string) => readConfig('test', baseConfig, { ...needed, OTEL_INSTRUMENTATION: text })
  expect(['seams', 'full', 'auto', ''].map(text => mode(text).OTEL_INSTRUMENTATION)).toEqual(['seams', 'full', 'auto', 'seams']) // prettier-ignore
  expect(() => mode('all')).toThrow('OTEL_INSTRUMENTATION')
})

test('a handler has some time, and less than erasure waits for it', () => {
  const limit = (text: string) => readConfig('test', baseConfig, { ...needed, HANDLER_TIMEOUT: text }).HANDLER_TIMEOUT
  expect(limit('90s')).toBe(90_000)
  for (const text of ['0s', '10m']) expect(() => limit(text)).toThrow('must be from 1ms to 2m')
})

test.each(['UTC', 'Etc/UTC', 'Asia/Kolkata', 'Asia/Calcutta', 'Europe/Kyiv', 'america/sao_paulo'])(
  '%s is a time zone',
  name => expect(timeZone().safeParse(name).success).toBe(true),
)

test.each(['', ' ', 'Brasilia', 'America/Sao Paulo', '-03:00', '+0300', 'UTC+3'])('%j is none', name =>
  expect(timeZone().safeParse(name).success).toBe(false),
)
