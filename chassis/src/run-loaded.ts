import { isCertificateRefused } from './certificates.ts'
import { ConfigError, databaseConfig, environment, readConfig } from './config.ts'
import { migrate } from './database/migrate.ts'
import type { Service } from './service.ts'
import { setUpService } from './setup.ts'
import { startService, type RunningService } from './start-service.ts'

/** Starts a service, or runs one of its commands; see `runService`. */
export async function runLoaded(service: Service, [command]: readonly string[]): Promise<void> {
  try {
    if (command !== undefined) exitOnSignal()
    if (command === undefined) await serve(service)
    else if (command === 'setup') await setUpService(service, environment(), print)
    else if (command === 'migrate') await migrateOnly(service)
    else fail(`Unknown command ${command}. Use setup, migrate, or nothing to start app-${service.name}.`)
  } catch (error) {
    fail(explain(service, error))
  }
}

async function serve(service: Service): Promise<void> {
  const started: { service?: RunningService } = {}
  let stopping = false
  const stop = () => {
    // While it starts it has promised nobody anything.
    if (!started.service) process.exit(0)
    // Ctrl-C often arrives twice, from the terminal and from npm.
    if (stopping) return
    stopping = true
    void started.service.stop().finally(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  started.service = await startService(service, environment())
}

// The first process of a container has no default action for signals. Not 0: what waits for the setup must not go on.
function exitOnSignal(): void {
  process.on('SIGTERM', () => process.exit(143))
  process.on('SIGINT', () => process.exit(130))
}

async function migrateOnly(service: Service): Promise<void> {
  await migrate(readConfig(`app-${service.name}`, databaseConfig, environment()), service.migrations)
}

const hint = '\nNo servers at hand? `npm run infra` in the root folder starts both and prints the two lines to set.'

function explain(service: Service, error: unknown): string {
  if (error instanceof ConfigError) {
    return /DATABASE_URL|BROKER_URL/.test(error.variables.join(' ')) ? error.message + hint : error.message
  }
  const { code, port } = error as { code?: string; port?: number }
  if (code === 'EADDRINUSE')
    return `app-${service.name}: port ${port ?? service.port} is taken. Set PORT to another one.`
  if (code === 'ECONNREFUSED')
    return `app-${service.name} cannot reach its database: ${(error as Error).message}${hint}`
  if (isCertificateRefused(error)) return `app-${service.name} cannot start: ${error.message}`
  return `app-${service.name} cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}

function print(message: string): void {
  process.stderr.write(`${message}\n`)
}

function fail(message: string): never {
  print(message)
  process.exit(1)
}
