import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { addressOf, isLoopback } from '../ask.ts'
import { readLocalConfig } from '../config.ts'
import { onOneLine, paint } from '../screen.ts'
import { signIn } from '../token.ts'
import { NotCleanedUp, SmokeFailed, travel } from './journey.ts'

const help = `Goes through a deployment as a customer does, and says whether it works: registers, signs in, orders, waits for the
invoice, reads it in the read model, cancels, and waits for the invoice to be void.

  npm run smoke -- --url https://feira.example
                        any gateway; default: the one on this machine

  --email <address>     where the e-mails to the throw-away customer go, each time with another label (name+label@…);
                        or SMOKE_EMAIL. Default smoke@example.com, which is nobody's
  --within <seconds>    for the whole journey; default 120

It can be run at any time, in production too: it needs no product and no account, and moves no stock and no money. What it leaves
behind is an order of 0.01 that is cancelled, with a void invoice. With an admin's access token in FEIRA_TOKEN, or an admin's login in
SMOKE_ADMIN_EMAIL and SMOKE_ADMIN_PASSWORD, it deletes the customer, upon which every service erases the person; on this machine
the admin of development does. Otherwise the customer stays.
Exit code: 0 all went well, 1 something did not, 2 written wrongly, 3 all went well but the cleaning up.`

/** The command was written wrongly; the message says how. */
class Misused extends Error {}

/** `npm run smoke`. @returns the exit code. */
export async function runSmoke(args: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        email: { type: 'string' },
        within: { type: 'string', default: '120' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) console.log(help)
    else await run(values)
    return 0
  } catch (error) {
    console.error(error instanceof Error ? `${paint('red', '✗')} ${error.message}` : String(error))
    if (error instanceof NotCleanedUp) return 3
    return error instanceof SmokeFailed ? 1 : 2
  }
}

interface Options {
  readonly url?: string
  readonly email?: string
  readonly within: string
}

async function run({ url, email, within }: Options): Promise<void> {
  const config = readLocalConfig()
  const gateway = addressOf('--url', url ?? `http://localhost:${config.GATEWAY_PORT}`)
  const seconds = Number(within)
  if (!(seconds >= 1 && seconds <= 3_600)) throw new Misused('--within must be 1 to 3600 seconds')
  const customer = labelled(email ?? config.SMOKE_EMAIL)
  const admin = adminFinder(gateway, config)
  const stopping = new AbortController()
  // One Ctrl-C can arrive twice, from the terminal and from npm.
  const stop = () => stopping.abort()
  process.on('SIGINT', stop).on('SIGTERM', stop)
  try {
    console.log(`${gateway} as ${customer}`)
    await travel({ url: gateway, email: customer, admin, signal: stopping.signal, within: seconds * 1_000, report })
    console.log(paint('green', 'It works.'))
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

type AdminConfig = Pick<
  ReturnType<typeof readLocalConfig>,
  'FEIRA_TOKEN' | 'SMOKE_ADMIN_EMAIL' | 'SMOKE_ADMIN_PASSWORD'
>

/** Whoever may delete the customer. The admin of development is tried nowhere but on this machine. */
function adminFinder(gateway: string, config: AdminConfig): () => Promise<string | undefined> {
  const { FEIRA_TOKEN: token, SMOKE_ADMIN_EMAIL: email, SMOKE_ADMIN_PASSWORD: password } = config
  const { hostname, protocol } = new URL(gateway)
  const here = isLoopback(hostname)
  const plain = protocol === 'http:' && !here
  if (token !== undefined && plain)
    throw new Misused(`FEIRA_TOKEN would travel to ${hostname} without encryption: leave it out, or use https`)
  if (token !== undefined) return async () => token
  const login = email && password ? [email, password] : here ? ['admin', 'admin'] : undefined
  if (login === undefined || plain) return async () => undefined
  const [username = '', secret = ''] = login
  // A password that was changed says nothing about the deployment.
  return () => signIn(gateway, username, secret).catch(() => undefined)
}

function report(step: string, result: string, milliseconds: number): void {
  console.log(
    `${paint('green', '✓')} ${step.padEnd(32)}${onOneLine(result)}  ${paint('dim', `${milliseconds.toFixed(0)} ms`)}`,
  )
}

function labelled(address: string): string {
  const [, name, domain] = /^([^\s@]+)@([^\s@]+)$/.exec(address) ?? []
  if (name === undefined) throw new Misused('--email must be an e-mail address')
  return `${name}+${randomUUID().slice(0, 8)}@${domain}`
}
