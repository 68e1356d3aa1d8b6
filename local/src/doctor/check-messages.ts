import { logOf, setUpOf, startOf } from './advice.ts'
import type { Facts, Mode, ServiceFacts } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'
import { measured, running } from './running.ts'
import { find, sum, type Sample } from './samples.ts'

/** More messages than these in a queue, or none that takes them, is trouble. */
const backlog = 100
/** Seconds that the oldest message of an outbox may wait: a relay needs milliseconds. */
const late = { warning: 10, wrong: 60 }

/** What cannot be told: no running service has this metric, or some have not. */
function untold(check: string, what: string, services: readonly ServiceFacts[], metric: string): Finding[] {
  const all = running(services)
  const silent = all.filter(({ metrics }) => sum(metrics ?? [], metric) === undefined)
  if (silent.length === 0) return []
  const who = silent.length === all.length ? 'no service' : `not ${silent.map(({ name }) => name).join(', ')}`
  const remedy = silent.every(({ metrics }) => metrics)
    ? 'see whether its broker and its database answer'
    : "look from where the services' own ports can be reached, and see the variables *_PORT"
  return [trouble('unknown', check, `unknown: ${who} tells ${what} (metric ${metric})`, remedy)]
}

const messages = (count: number) => `${count} ${count === 1 ? 'message' : 'messages'}`

/** Whether messages wait, and somebody takes them. */
export function checkQueues({ services, mode }: Facts): Finding[] {
  const found = measured(services).flatMap(({ name, metrics }) => [
    ...unattended(mode, name, metrics),
    ...waiting(mode, name, metrics),
  ])
  const findings = [...found, ...untold('queues', 'how many messages wait', services, 'queue_messages')]
  if (findings.length > 0 || measured(services).length === 0) return findings
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

/** Whether what was written leaves the databases, and finds a queue. */
export function checkOutboxes(facts: Facts): Finding[] {
  const { services, mode } = facts
  const found = measured(services).flatMap(({ name, metrics }) => [
    ...lagging(mode, name, metrics),
    ...homeless(facts, name, metrics),
  ])
  const findings = [...found, ...untold('outboxes', 'what waits in its outbox', services, 'outbox_messages')]
  if (findings.length > 0 || measured(services).length === 0) return findings
  return [ok('outboxes', 'everything that was written has been published')]
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
