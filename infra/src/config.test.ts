import * as pulumi from '@pulumi/pulumi'
import { expect, test } from 'vitest'
import { apps } from './apps.ts'
import { optionDescriptions, readStackConfig, StackConfigError } from './config.ts'
import { optionsOf } from './plan/plan.ts'

function read(changes: Record<string, unknown> = {}, secrets: Record<string, string> = {}) {
  const values = { ...optionsOf('dev'), 'feira:smtpUrl': 'smtps://a:b@c', ...changes, ...secrets }
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(values)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    ),
    ['feira:smtpUrl', ...Object.keys(secrets)],
  )
  return readStackConfig(apps)
}

test('options of the stack are read, and the rest has defaults', () => {
  expect(read()).toMatchObject({
    domain: 'dev.feira.example',
    zones: 2,
    tasks: { cpu: 256, memory: 512, min: 1, max: 2 },
    protect: true,
    version: 'latest',
    tracesShare: 0.1,
  })
})

test('a version that looks like a number stays text', () => {
  expect(read({ 'feira:version': '2' }).version).toBe('2')
  expect(read({ 'feira:version': '1.10' }).version).toBe('1.10')
})

test('a secret stays one', async () => {
  const { smtpUrl, databaseUrls } = read({}, { 'feira:ordersDatabaseUrl': 'postgres://a:b@c/d' })
  expect(await pulumi.isSecret(smtpUrl)).toBe(true)
  expect(Object.keys(databaseUrls)).toEqual(['orders'])
})

test('all that is wrong is told at once, and no value of a secret', () => {
  const failure = () =>
    read(
      {
        'feira:domain': 'localhost',
        'feira:zones': 1,
        'feira:logDays': 2,
        'feira:cache': undefined,
        'feira:domian': 'x',
      },
      { 'feira:smtpUrl': '' },
    )
  expect(failure).toThrow(StackConfigError)
  expect(failure).toThrow(/domain is wrong.*domain name/)
  expect(failure).toThrow(/zones is wrong/)
  expect(failure).toThrow(/logDays is wrong.*365/)
  expect(failure).toThrow(/cache is missing \(Valkey\)/)
  expect(failure).toThrow(/domian is not an option/)
})

const tasks = { cpu: 256, memory: 512, min: 1, max: 2 }

test.each<[string, Record<string, unknown>, RegExp]>([
  [
    'memory that Fargate does not offer',
    { tasks: { ...tasks, memory: 4096 } },
    /tasks is wrong: Fargate does not offer/,
  ],
  [
    'processors that it does not offer',
    { tasks: { ...tasks, cpu: 300 } },
    /tasks.cpu is wrong: must be one of 256, 512/,
  ],
  ['more tasks at least than at most', { tasks: { ...tasks, min: 3 } }, /min must not be above max/],
  ['an option that does not exist', { tasks: { ...tasks, minimum: 1 } }, /tasks is wrong/],
  ['a service that does not exist', { services: { 'app-carts': tasks } }, /services.app-carts is none of app-users, /],
  ['variables of none', { environment: { carts: { A: 'b' } } }, /environment.carts is none of users, /],
  ['no zone and no certificate', { hostedZone: undefined }, /hostedZone or certificateArn is needed/],
  ['both', { certificateArn: 'arn:aws:acm:eu-west-1:1:certificate/1' }, /and not both/],
  ['half of Grafana', { grafanaInstance: '123' }, /belong together/],
  ['Grafana without TLS', { grafanaEndpoint: 'http://grafana.example' }, /grafanaEndpoint is wrong/],
  ['more ways out than zones', { natGateways: 3 }, /natGateways must not be more/],
  [
    'a database that shrinks',
    { database: { class: 'db.t4g.micro', storage: 50, maxStorage: 20, multiAz: false, backupDays: 1, pool: 6 } },
    /maxStorage is below/,
  ],
  [
    'more connections than a database takes',
    { database: { class: 'db.t4g.micro', storage: 20, maxStorage: 20, multiAz: false, backupDays: 1, pool: 40 } },
    /pool is too large: up to 164 connections of users, and db.t4g.micro takes about 90/,
  ],
])('%s is refused', (_, changes, message) => {
  const options = Object.fromEntries(Object.entries(changes).map(([name, value]) => [`feira:${name}`, value]))
  expect(() => read(options)).toThrow(message)
})

test('without a mail server nothing is deployed', () => {
  expect(() => read({ 'feira:smtpUrl': undefined })).toThrow(/smtpUrl is missing/)
})

test('the stacks differ in size, and in where they are reached', () => {
  const [dev, prod] = ['dev', 'prod'].map(optionsOf)
  const names = (options: Record<string, unknown> | undefined) => Object.keys(options ?? {}).toSorted()
  const sizes = [
    'zones',
    'natGateways',
    'tasks',
    'services',
    'gateway',
    'collector',
    'database',
    'broker',
    'cache',
    'logDays',
  ]
  const place = ['domain', 'hostedZone']
  const allowed = [...sizes, ...place].map(name => `feira:${name}`)
  expect([...names(dev), ...names(prod)].filter(name => name !== 'aws:region' && !allowed.includes(name))).toEqual([])
  expect(dev?.['aws:region']).toBe(prod?.['aws:region'])
})

test('every option is described', () => {
  expect([...optionDescriptions].filter(([, description]) => description === '')).toEqual([])
})
