import { parseArgs } from 'node:util'
import { addressOf } from '../ask.ts'
import { readLocalConfig } from '../config.ts'
import { exitCodeOf } from './finding.ts'
import { gather } from './gather.ts'
import { judge, render } from './report.ts'

const help = `Looks at a running system and says in plain words what is wrong with it, and what to do.

  npm run doctor                 the system on this machine, from \`npm start\` or \`docker compose up\`
  npm run doctor -- --url https://feira.example
                                 elsewhere: the gateway; services are looked for on the same host at their ports

  --token <token>                an admin's access token; or FEIRA_TOKEN, which \`ps\` does not show.
                                 Without it the admin of development signs in, on this machine only
  --jaeger <url>                 where traces are looked for; default port 16686 (JAEGER_PORT) of the gateway's host
  --json                         for programs

Ports that were moved: the variables of \`npm start\`, e.g. GATEWAY_PORT, ORDERS_PORT. SERVICES=orders,users looks at these alone.
✓ fine   ! worth a look   ✗ wrong   ? not known
Exit code: 0 healthy, 1 something is wrong, 2 nothing wrong was seen, but not everything could be looked at`

/** `npm run doctor`. @returns the exit code; that of whatever keeps it from looking at all is 2. */
export async function runDoctor(args: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        token: { type: 'string' },
        jaeger: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (!values.help) return await examine(values)
    console.log(help)
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return 2
  }
}

interface Options {
  readonly url?: string
  readonly token?: string
  readonly jaeger?: string
  readonly json: boolean
}

async function examine({ url, token, jaeger, json }: Options): Promise<number> {
  const config = readLocalConfig()
  const gateway = addressOf('--url', url ?? `http://localhost:${config.GATEWAY_PORT}`)
  const jaegerUrl = jaeger === undefined ? undefined : addressOf('--jaeger', jaeger)
  const facts = await gather(config, { url: gateway, token: token ?? config.FEIRA_TOKEN, jaegerUrl })
  const findings = judge(facts)
  const exitCode = exitCodeOf(findings)
  console.log(json ? JSON.stringify({ url: gateway, mode: facts.mode, exitCode, findings }, null, 2) : render(findings))
  return exitCode
}
