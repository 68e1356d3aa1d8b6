import { setTimeout as sleep } from 'node:timers/promises'
import { portOf } from '../config.ts'
import { CannotBreak, fault, lasts, type NotedFault } from './fault.ts'
import { listenerOn } from './listener.ts'
import type { RunningSystem } from './running-system.ts'

type Stopped = { readonly pid: number }

/** A process that is stopped by SIGSTOP goes on by SIGCONT; one that is not stopped takes no notice. */
const resume: NotedFault<Stopped>['mend'] = async (_system, { pid }) => {
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // It has ended meanwhile.
  }
}

/** @throws CannotBreak unless the services have processes of their own: stopping one would stop all, and the servers. */
function requireProcesses({ config }: RunningSystem, service: string): number {
  const pid = listenerOn(portOf(config, service))
  if (pid !== listenerOn(config.GATEWAY_PORT)) return pid
  throw new CannotBreak('All services share one process. Start them with `npm start -- --processes`.')
}

export const serviceDown = fault<Stopped>({
  summary: 'app-invoices hangs: its process is stopped (SIGSTOP)',
  alerts: ['ServiceDown'],
  prepare: async system => ({ pid: requireProcesses(system, 'invoices') }),
  async cause(_system, { pid }, signal) {
    process.kill(pid, 'SIGSTOP')
    await lasts(signal)
  },
  mend: resume,
})

export const eventLoopLag = fault<Stopped>({
  summary: 'app-products works only a fifth of the time: its process is stopped for 400 ms of every 500',
  alerts: ['EventLoopLag'],
  prepare: async system => ({ pid: requireProcesses(system, 'products') }),
  async cause(_system, { pid }, signal) {
    while (!signal.aborted) {
      process.kill(pid, 'SIGSTOP')
      await sleep(400)
      process.kill(pid, 'SIGCONT')
      await sleep(100)
    }
  },
  mend: resume,
})

export const brokerAway = fault<Stopped>({
  summary:
    'the broker hangs, and with it the gateway and the mail server, whose process is stopped; an order waits in the outbox',
  alerts: ['BrokerAway', 'OutboxLag'],
  async prepare(system) {
    const { config } = system
    if (config.BROKER_URL)
      throw new CannotBreak('The broker of BROKER_URL is not stopped from here: stop it by its own means.')
    requireProcesses(system, 'orders')
    return { pid: listenerOn(config.BROKER_PORT) }
  },
  async cause({ ask }, { pid }, signal) {
    process.kill(pid, 'SIGSTOP')
    // Whether the broker is there shows when something is to be published.
    await ask('orders', '/orders', { body: { amount: 1 } })
    await lasts(signal)
  },
  mend: resume,
})
