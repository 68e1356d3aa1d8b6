import { parseArgs } from 'node:util'
import { isLoopback, mayShowToken } from '../ask.ts'
import { chosenServices, portOf, readLocalConfig } from '../config.ts'
import { signIn, SignInFailed } from '../token.ts'
import { list, remove, removeAll, replay, replayOne, show } from './commands.ts'
import { OpsClient, OpsRefused } from './ops-client.ts'

const help = `Looks at messages that were given up, and sends them back to the queues they died in.

  npm run dlq                                       lists the dead letters of all services, one group for each cause
  npm run dlq -- show <id>                          one of them, with what it says
  npm run dlq -- replay <id>                        sends it back, under its own message id and with fresh attempts
  npm run dlq -- replay --fingerprint <fingerprint> all of one cause; --dry-run only counts them
  npm run dlq -- replay --all                       all of them; --dry-run only counts them
  npm run dlq -- delete <id>                        removes it for good
  npm run dlq -- delete --fingerprint <fingerprint> removes all of one cause

  --service <name>   asks this one service alone, e.g. orders
  --url <gateway>    elsewhere: services are looked for on the gateway's host, at their own ports
                     (ORDERS_PORT, …), the only place where they answer such questions

An admin's access token is taken from FEIRA_TOKEN; without it the admin of development signs in, on this machine.
Exit code: 0 done, 1 a service did not do it, 2 written wrongly.`

/** The command was written wrongly; the message says how. */
class Misused extends Error {}

/** `npm run dlq`: a client of `/ops/dead-letters` of all services. @returns the exit code. */
export async function runDeadLetters(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    if (values.help) console.log(help)
    else await run(values, positionals)
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return error instanceof OpsRefused || error instanceof SignInFailed ? 1 : 2
  }
}

const options = {
  fingerprint: { type: 'string' },
  all: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  service: { type: 'string' },
  url: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

interface Values {
  readonly fingerprint?: string
  readonly all: boolean
  readonly 'dry-run': boolean
  readonly service?: string
  readonly url?: string
}

const print = (line: string) => console.log(line)

async function run(values: Values, [command = 'list', id]: readonly string[]): Promise<void> {
  if (command === 'list') return list(await openClients(values), print)
  if (command === 'show') return onOne(show, values, id)
  if (command === 'replay') return runReplay(values, id)
  if (command === 'delete') return runDelete(values, id)
  throw new Misused(`There is no command ${command}.\n\n${help}`)
}

async function runReplay(values: Values, id: string | undefined): Promise<void> {
  const { fingerprint, all, 'dry-run': dryRun } = values
  requireOne('Say what is to be replayed: an id, --fingerprint or --all.', id, fingerprint, all || undefined)
  if (id === undefined) {
    const selection = fingerprint === undefined ? ({ all: true } as const) : { fingerprint }
    return replay(await openClients(values), selection, { dryRun, print })
  }
  if (dryRun) throw new Misused('--dry-run counts: it goes with --fingerprint or --all. `show` shows one.')
  return onOne(replayOne, values, id)
}

async function runDelete(values: Values, id: string | undefined): Promise<void> {
  const { fingerprint, all, 'dry-run': dryRun } = values
  if (all || dryRun) throw new Misused('What is deleted is gone: neither --all nor --dry-run goes with it.')
  requireOne('Say what is to be deleted: an id or --fingerprint.', id, fingerprint)
  if (fingerprint === undefined) return onOne(remove, values, id)
  return removeAll(await openClients(values), fingerprint, print)
}

function requireOne(otherwise: string, ...choices: readonly unknown[]): void {
  if (choices.filter(choice => choice !== undefined).length !== 1) throw new Misused(otherwise)
}

async function onOne(work: typeof show, values: Values, id = ''): Promise<void> {
  if (!/^[0-9a-f-]{36}$/i.test(id)) throw new Misused('Give the id of a dead letter; `npm run dlq` lists them.')
  return work(await openClients(values), id, print)
}

async function openClients({ url, service }: Values): Promise<OpsClient[]> {
  const config = readLocalConfig()
  const gateway = url?.replace(/\/$/, '') ?? `http://localhost:${config.GATEWAY_PORT}`
  const { hostname } = new URL(gateway)
  if (!mayShowToken(new URL(gateway)))
    throw new Misused(
      `Services are asked without encryption: run this on ${hostname} itself, or tunnel their ports here.`,
    )
  const chosen = chosenServices(config).filter(
    ({ name }) => service === undefined || name === service.replace(/^app-/, ''),
  )
  if (chosen.length === 0) throw new Misused(`There is no service ${service}.`)
  if (config.FEIRA_TOKEN === undefined && !isLoopback(hostname))
    throw new Misused("Give an admin's access token in FEIRA_TOKEN.")
  const token = config.FEIRA_TOKEN ?? (await signIn(gateway, 'admin', 'admin'))
  return chosen.map(({ name }) => new OpsClient(name, `http://${hostname}:${portOf(config, name)}`, token))
}
