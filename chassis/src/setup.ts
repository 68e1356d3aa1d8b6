import { setTimeout as sleep } from 'node:timers/promises'
import { isBrokerAway } from './broker/broker.ts'
import { isCertificateRefused } from './certificates.ts'
import { setUpTopology } from './broker/topology.ts'
import { baseConfig, databaseConfig, readConfig, type Environment } from './config.ts'
import { errorCode, isConnectionLost, isRefusedLogin } from './database/database-errors.ts'
import { migrate } from './database/migrate.ts'
import type { Service } from './service.ts'

const { BROKER_URL, BROKER_NAMESPACE, BROKER_QUEUE_TYPE, RETRY_DELAYS } = baseConfig
const setupConfig = { ...databaseConfig, BROKER_URL, BROKER_NAMESPACE, BROKER_QUEUE_TYPE, RETRY_DELAYS }

/** Told, once, that a server does not answer yet, with what it said. */
export type OnWaiting = (reason: string) => void

/**
 * Makes a service ready to be started, or to be written to while it is not running: migrates its database and declares
 * its queues. Runs for every service before any service starts, so that a consumer that has never run misses nothing.
 * @throws ConfigError, or what PostgreSQL or the broker said after 30 s of trying.
 */
export async function setUpService(service: Service, env: Environment, onWaiting: OnWaiting): Promise<void> {
  const config = readConfig(`app-${service.name}`, setupConfig, env)
  await whenReachable(() => migrate(config, service.migrations), onWaiting)
  const declare = () => setUpTopology(config.BROKER_URL, service.name, service.consumers, config)
  await whenReachable(declare, onWaiting, isBrokerAway)
}

/** Repeats `work` for up to 30 s while the server it needs is still starting. */
export async function whenReachable<Result>(
  work: () => Promise<Result>,
  onWaiting: OnWaiting,
  isAway: (error: unknown) => boolean = isDatabaseAway,
): Promise<Result> {
  const deadline = Date.now() + 30_000
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!isAway(error) || isCertificateRefused(error) || Date.now() > deadline) throw error
      if (attempt === 1) onWaiting(`waiting up to 30 s for a server: ${(error as Error).message || errorCode(error)}`)
      await sleep(500)
    }
  }
}

function isDatabaseAway(error: unknown): boolean {
  return isConnectionLost(error) && !isRefusedLogin(error)
}
