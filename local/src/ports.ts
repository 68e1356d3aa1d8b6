import { chosenServices, portOf, portVariable, type LocalConfig } from './config.ts'
import { findPort } from './postgres/port.ts'

/** Some of the ports that the system needs are taken; the message names each with the variable that moves it. */
export class PortsTaken extends Error {
  constructor(taken: readonly PortNeed[]) {
    const lines = taken.map(({ port, what, variable }) => `  port ${port} for ${what}: set ${variable} to another one`)
    super(`Another program (perhaps another \`npm start\`) listens where Feira would:\n${lines.join('\n')}`)
    this.name = 'PortsTaken'
  }
}

/** A port that the system listens on. */
export interface PortNeed {
  readonly port: number
  readonly what: string
  readonly variable: string
}

/** Looks, before anything is started, whether every port is free. @throws PortsTaken naming all that are not. */
export async function requirePorts(config: LocalConfig, { infraOnly }: { readonly infraOnly: boolean }): Promise<void> {
  const taken = await findTakenPorts(config, infraOnly)
  if (taken.length > 0) throw new PortsTaken(taken)
}

/** The ports that the system needs and somebody listens on. */
export async function findTakenPorts(config: LocalConfig, infraOnly: boolean): Promise<PortNeed[]> {
  const taken: PortNeed[] = []
  for (const need of needsOf(config, infraOnly)) {
    if (!(await isFree(need.port))) taken.push(need)
  }
  return taken
}

function needsOf(config: LocalConfig, infraOnly: boolean): PortNeed[] {
  const infra = [
    ...(config.DATABASE_URL ? [] : [{ port: config.POSTGRES_PORT, what: 'PostgreSQL', variable: 'POSTGRES_PORT' }]),
    ...(config.BROKER_URL ? [] : [{ port: config.BROKER_PORT, what: 'the broker', variable: 'BROKER_PORT' }]),
    ...(config.SMTP_URL
      ? []
      : [
          { port: config.SMTP_PORT, what: 'e-mail', variable: 'SMTP_PORT' },
          { port: config.MAIL_UI_PORT, what: 'the page of e-mails', variable: 'MAIL_UI_PORT' },
        ]),
  ]
  if (infraOnly) return infra
  const apps = chosenServices(config).map(({ name }) => ({
    port: portOf(config, name),
    what: `app-${name}`,
    variable: portVariable(name),
  }))
  return [{ port: config.GATEWAY_PORT, what: 'the gateway', variable: 'GATEWAY_PORT' }, ...apps, ...infra]
}

function isFree(port: number): Promise<boolean> {
  return findPort('127.0.0.1', port).then(
    () => true,
    () => false,
  )
}
