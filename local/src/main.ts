import { parseArgs } from 'node:util'
import { ConfigError } from '@feira/chassis'
import { readLocalConfig } from './config.ts'
import { runDeadLetters } from './dead-letters/index.ts'
import { playDemo } from './demo.ts'
import { offerEnvironment } from './dev-environment.ts'
import { breakSomething, mend } from './faults/commands.ts'
import { CannotBreak } from './faults/fault.ts'
import { runDoctor } from './doctor/index.ts'
import { startInfra } from './infra.ts'
import { NoPrometheus, runPrometheus } from './prometheus.ts'
import { PortsTaken, requirePorts } from './ports.ts'
import { StreamRefused } from './event-source.ts'
import { infraScreen, showProgress, startScreen } from './screen.ts'
import { runSmoke } from './smoke/index.ts'
import { startSystem } from './system.ts'
import { printToken, SignInFailed } from './token.ts'
import { watch } from './watch.ts'

const help = `Feira on this machine, without Docker.

  npm start                     every service, on embedded PostgreSQL and an embedded broker, gateway on :8000
  npm start -- --processes      each service in a process of its own
  SERVICES=orders npm start     some of them
  DATABASE_URL=… BROKER_URL=… npm start
                                on real servers (a PostgreSQL login with CREATEDB and CREATEROLE)
  npm run infra                 only PostgreSQL and the broker, for \`npm run dev -w app-orders\`
  npm run demo                  the whole shop, step by step, as it happens
  npm run watch                 every order, live, one line for each event; Ctrl-C ends it
  npm run watch -- <orderId>    one order, until it is completed, cancelled or refunded
  npm run watch -- --url http://feira.example
                                elsewhere, with the access token in FEIRA_TOKEN
  npm run doctor                what is wrong with a running system, and what to do; --help for more
  npm run smoke -- --url http://feira.example
                                goes through a deployment as a customer does; --help for more
  npm run dlq                   dead letters of all services: looks at them, replays them; --help for more
  npm run token -s              signs in as admin and prints the access token; or: npm run token -s -- testuser multpex;
                                elsewhere with --url
  npm run prometheus            asks the running services for their metrics and raises alerts, with a Prometheus of yours
  npm run prometheus -- --speed 5
                                five times sooner than they should be, for trying them
  npm run break                 lists what can be broken, to see an alert raised
  npm run break -- dead-letters --lasting 5m
                                breaks it, until Ctrl-C or for that long
  npm run mend                  makes whole what is broken, also after a break that was killed

Variables: .env.example says which there are.`

try {
  await run()
} catch (error) {
  fail(error)
}

async function run(): Promise<void> {
  const [command = '', ...args] = process.argv.slice(2)
  // These have options of their own.
  if (command === 'doctor') process.exitCode = await runDoctor(args)
  else if (command === 'dlq') process.exitCode = await runDeadLetters(args)
  else if (command === 'smoke') process.exitCode = await runSmoke(args)
  else await runShared()
}

async function runShared(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      processes: { type: 'boolean', default: false },
      url: { type: 'string' },
      speed: { type: 'string', default: '1' },
      lasting: { type: 'string', default: '15m' },
      anywhere: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [command = 'start', ...args] = positionals
  if (values.help) console.log(help)
  else if (command === 'start') await start(values.processes)
  else if (command === 'infra') await infra()
  else if (command === 'demo') await playDemo(readLocalConfig())
  else if (command === 'token') await printToken(values.url ?? localGateway(), args)
  else if (command === 'watch') await follow(values.url, args[0])
  else if (command === 'prometheus') await runPrometheus(readLocalConfig(), Number(values.speed))
  else if (command === 'break') await breakSomething({ config: readLocalConfig(), name: args[0], ...values })
  else if (command === 'mend') await mend(readLocalConfig(), args[0])
  else throw new Error(`There is no command ${command}.\n\n${help}`)
}

async function start(processes: boolean): Promise<void> {
  const config = readLocalConfig()
  await requirePorts(config, { infraOnly: false })
  const startedAt = performance.now()
  const system = await startSystem(config, {
    processes,
    progress: showProgress,
    onCrash: message => fail(new Error(message)),
  })
  const withdraw = await offerEnvironment(config, system.infra)
  console.log(startScreen(config, system.infra, (performance.now() - startedAt) / 1_000))
  stopOnSignal(async () => {
    await withdraw()
    await system.stop()
  })
}

async function infra(): Promise<void> {
  const config = readLocalConfig()
  await requirePorts(config, { infraOnly: true })
  const servers = await startInfra(config, showProgress)
  const withdraw = await offerEnvironment(config, servers)
  console.log(infraScreen(config, servers))
  stopOnSignal(async () => {
    await withdraw()
    await servers.stop()
  })
}

async function follow(url: string | undefined, orderId: string | undefined): Promise<void> {
  const { FEIRA_TOKEN: token } = readLocalConfig()
  const stopping = new AbortController()
  process.on('SIGINT', () => stopping.abort())
  const print = (line: string) => console.log(line)
  await watch({ url: url ?? localGateway(), orderId, token, signal: stopping.signal, print })
}

function localGateway(): string {
  return `http://localhost:${readLocalConfig().GATEWAY_PORT}`
}

function stopOnSignal(stop: () => Promise<void>): void {
  let stoppingSince: number | undefined
  const onSignal = (signal: string) => {
    // Whoever presses Ctrl-C again does not want to wait; one press can arrive twice, from the terminal and from npm.
    if (stoppingSince !== undefined && performance.now() - stoppingSince > 300) process.exit(1)
    if (stoppingSince !== undefined) return
    stoppingSince = performance.now()
    if (signal === 'SIGINT') console.log('\nStopping; press Ctrl-C again to stop at once.')
    stop().then(() => process.exit(0), fail)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}

function fail(error: unknown): never {
  const expected = [CannotBreak, ConfigError, NoPrometheus, PortsTaken, SignInFailed, StreamRefused].some(
    kind => error instanceof kind,
  )
  const text = error instanceof Error ? (expected ? error.message : (error.stack ?? error.message)) : String(error)
  console.error(`\n${text}`)
  process.exit(1)
}
