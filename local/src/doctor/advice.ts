import type { Mode } from './facts.ts'

/** Where a service's log is. */
export function logOf(mode: Mode, service: string): string {
  if (mode === 'compose') return `\`docker compose logs app-${service}\``
  return mode === 'local' ? `what app-${service} wrote where it was started` : `the log of app-${service}`
}

/** How a service that does not run is started. */
export function startOf(mode: Mode, service: string): string {
  const container = `\`docker compose up -d app-${service}\`; ${logOf('compose', service)} tells why it ended`
  if (mode === 'compose') return container
  if (mode === 'elsewhere') return `start app-${service}; its log tells why it ended`
  const local = `start the system again with \`npm start\`, or this service alone with \`npm run dev -w app-${service}\``
  return mode === 'local' ? `${local}; SERVICES=… leaves services out` : `${local}; with Docker: ${container}`
}

/** How a service's migrations are applied and its queues declared. */
export function setUpOf(mode: Mode, service: string): string {
  if (mode === 'compose') return `\`docker compose up app-${service}-setup\``
  return `\`npm run setup -w app-${service}\``
}

/** What to do about a server that a service cannot reach. */
export function reach(mode: Mode, server: 'database' | 'broker', service: string): string {
  const container = server === 'database' ? 'postgres' : 'rabbitmq'
  if (mode === 'compose') return `\`docker compose ps ${container}\` and \`docker compose logs ${container}\``
  const variable = server === 'database' ? 'DATABASE_URL' : 'BROKER_URL'
  const where = mode === 'elsewhere' ? '' : `; the embedded one runs inside \`npm start\` or \`npm run infra\``
  return `see that the server of ${variable} runs and lets the service in${where}; ${logOf(mode, service)} tells more`
}
