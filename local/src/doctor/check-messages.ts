import { logOf, setUpOf, startOf } from './advice.ts'
import { fieldsOf } from '../ask.ts'
import type { Facts, Mode, ServiceFacts } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'
import { find, sum, type Sample } from './samples.ts'

/** More messages than these in a queue, or none that takes them, is trouble. */
const backlog = 100
/** Seconds that the oldest message of an outbox may wait: a relay needs milliseconds. */
const late = { warning: 10, wrong: 60 }

interface Measured {
  readonly name: string
  readonly metrics: readonly Sample[]
}

/** Those services that tell a metric; a service that tells none is not running, which another check says. */
function measured(services: readonly ServiceFacts[]): Measured[] {
  return services.flatMap(({ name, metrics }) => (metrics ? [{ name, metrics }] : []))
}

/** What cannot be told: nobody has this metric, or some have not. */
function untold(check: string, what: string, services: readonly ServiceFacts[], metric: string): Finding[] {
  const silent = services.filter(({ metrics }) => sum(metrics ?? [], metric) === undefined).map(({ name }) => name)
  if (silent.length === 0) return []
  const who = silent.length === services.length ? 'no service' : `not ${silent.join(', ')}`
  return [trouble('unknown', check, `unknown: ${who} tells ${what} (metric ${metric})`)]
}

const messages = (count: number) => `${count} ${count === 1 ? 'message' : 'messages'}`

/** Whether messages wait, and somebody takes them. */
export function checkQueues({ services, mode }: Facts): Finding[] {
  const found = measured(services).flatMap(({ name, metrics }) => [
    ...unattended(mode, name, metrics),
    ...waiting(mode, name, metrics),
  ])
  const findings = [...found, ...untold('queues', 'how many messages wait', services, 'queue_messages')]
  if (findings.length > 0) return findings
  const queues = measured(services).flatMap(({ metrics }) => find(metrics, 'queue_messages', { kind: 'work' }))
  const total = queues.reduce((messages, { value }) => messages + value, 0)
  return [ok('queues', `${queues.length} queues, ${total} messages wait`)]
}

function unattended(mode: Mode, service: string, metrics: readonly Sample[]): Finding[] {
  return find(metrics, 'queue_consumers')
    .filter(({ value }) => value === 0)
    .map(({ labels: { queue = '' } }) => {
      // In compose those who send e-mails and text messages are a container of their own.
      const apart = mode === 'compose' && queue.endsWith('-workers')
      const remedy = apart ? '`docker compose up -d notification-workers`' : startOf(mode, service)
      return trouble('wrong', 'queues', `nobody consumes ${queue}`, remedy)
    })
}

function waiting(mode: Mode, service: string, metrics: readonly Sample[]): Finding[] {
  const log = logOf(mode, service)
  return find(metrics, 'queue_messages').flatMap(({ labels: { queue = '', kind }, value }) => {
    if (kind === 'work' && value > backlog) {
      const remedy = `they are handled more slowly than they come, or a handler hangs: ${log}`
      return [trouble('wrong', 'queues', `${messages(value)} wait in ${queue}`, remedy)]
    }
    if (kind === 'retry' && value > 0) {
      const remedy = `their handler fails, and they become dead letters when it goes on to: ${log}`
      return [trouble('warning', 'queues', `${messages(value)} of ${queue} waiting for another attempt`, remedy)]
    }
    if (kind === 'dead' && value > 0) {
      const remedy = `the service moves them to its database, which it cannot reach now: ${log}`
      return [trouble('warning', 'queues', `${messages(value)} of ${queue} given up and not stored yet`, remedy)]
    }
    return []
  })
}

interface Group {
  readonly queue: string
  readonly type: string
  readonly reason: string
  readonly count: number
  readonly newestId: string
  readonly lastDiedAt: string
}

/** Groups of dead letters that are shown of each service. */
const shown = 5

/** Whether messages were given up. What they hold, and what their handlers said of it, is for `npm run dlq` alone to show. */
export function checkDeadLetters({ services }: Facts): Finding[] {
  const running = services.filter(({ health }) => health.answered)
  const findings = running.flatMap(service => {
    const groups = fieldsOf(service.deadLetters)['groups']
    return Array.isArray(groups) ? describeGroups(service.name, groups as Group[]) : countLetters(service)
  })
  if (findings.length > 0) return findings
  return running.length > 0 ? [ok('dead letters', 'none')] : []
}

function describeGroups(service: string, groups: readonly Group[]): Finding[] {
  const findings = groups.slice(0, shown).map(({ count, type, queue, reason, newestId, lastDiedAt }) => {
    const says = `${count} × ${type} in ${queue}: ${reason}, last at ${lastDiedAt}`
    const mend =
      reason === 'malformed'
        ? 'it can never be handled: mend its sender, then delete it'
        : 'mend the cause, then replay it'
    return trouble('wrong', 'dead letters', says, `\`npm run dlq -- show ${newestId}\`; ${mend}`)
  })
  if (groups.length <= shown) return findings
  const more = `app-${service} has ${groups.length - shown} other kinds of them`
  return [...findings, trouble('wrong', 'dead letters', more, '`npm run dlq` lists all')]
}

function countLetters({ name, metrics = [] }: ServiceFacts): Finding[] {
  const count = sum(metrics, 'dead_letters')
  if (count === undefined) {
    const says = `unknown: app-${name} shows its dead letters to no stranger and has no metric dead_letters`
    return [trouble('unknown', 'dead letters', says, "give an admin's access token in FEIRA_TOKEN")]
  }
  if (count === 0) return []
  return [
    trouble(
      'wrong',
      'dead letters',
      `app-${name} has ${count}`,
      "`npm run dlq`, with an admin's access token in FEIRA_TOKEN",
    ),
  ]
}

/** Whether what was written leaves the databases, and finds a queue. */
export function checkOutboxes(facts: Facts): Finding[] {
  const { services, mode } = facts
  const found = measured(services).flatMap(({ name, metrics }) => [
    ...lagging(mode, name, metrics),
    ...homeless(facts, name, metrics),
  ])
  const findings = [
    ...found,
    ...untold(
      'outboxes',
      'what waits in its outbox',
      services.filter(({ metrics }) => metrics),
      'outbox_messages',
    ),
  ]
  return findings.length > 0 ? findings : [ok('outboxes', 'everything that was written has been published')]
}

function lagging(mode: Mode, service: string, metrics: readonly Sample[]): Finding[] {
  const seconds = sum(metrics, 'outbox_oldest_seconds') ?? 0
  if (seconds < late.warning) return []
  const pending = sum(metrics, 'outbox_messages', { state: 'pending' }) ?? 0
  const says = `app-${service} has ${messages(pending)} to publish, the oldest for ${Math.round(seconds)} s`
  const remedy = `the broker is away, does not confirm, or is slower than what is written: ${logOf(mode, service)}`
  return [trouble(seconds < late.wrong ? 'warning' : 'wrong', 'outboxes', says, remedy)]
}

function homeless({ mode, services }: Facts, service: string, metrics: readonly Sample[]): Finding[] {
  const count = sum(metrics, 'outbox_messages', { state: 'unrouted' }) ?? 0
  if (count === 0) return []
  const unroutable = find(metrics, 'messages_published_total', { outcome: 'unroutable' })
  const types = unroutable.map(({ labels: { type = '' } }) => type)
  const readers = services.filter(({ takes }) => takes.some(type => types.includes(type)))
  const which = types.length > 0 ? ` (${types.join(', ')})` : ''
  const says = `no queue takes ${messages(count)} of app-${service}${which}; kept and tried every 30 s`
  const names = readers.length > 0 ? readers.map(({ name }) => name) : ['…']
  return [
    trouble(
      'wrong',
      'outboxes',
      says,
      `set up the services that read them: ${names.map(name => setUpOf(mode, name)).join(', ')}`,
    ),
  ]
}
