import type { Service } from '@feira/chassis'
import { chosenServices, portOf, portVariable, type LocalConfig } from '../config.ts'
import { signIn as signInAt, SignInFailed } from '../token.ts'
import { ask, isLoopback, mayShowToken, type Contact } from '../ask.ts'
import { healthIn } from './health.ts'
import type { Facts, Mode, ServiceFacts, SignIn } from './facts.ts'
import { inspectMachine } from './inspect-machine.ts'
import { samplesIn, type Sample } from './samples.ts'
import { followTrace, isRecorded, newTrace, type TraceProbe } from './trace-probe.ts'

/** What is to be looked at. */
export interface Target {
  /** The gateway's address. */
  readonly url: string
  /** An access token; undefined to sign in as the admin of development where that is this machine. */
  readonly token: string | undefined
  /** Where Jaeger's pages are; undefined for its usual port on the gateway's host. */
  readonly jaegerUrl: string | undefined
}

const minute = 60_000

/** Asks everything at once, each question with a deadline of its own. Never rejects. */
export async function gather(config: LocalConfig, target: Target): Promise<Facts> {
  const { hostname } = new URL(target.url)
  const looking = { config, target, hostname, admin: signIn(target), trace: newTrace() }
  const [gateway, keys, signedIn, services, rebuild, stuckOrders] = await Promise.all([
    ask(target.url),
    ask(`${target.url}/auth/jwks.json`),
    looking.admin,
    Promise.all(chosenServices(config).map(service => look(service, looking))),
    askAsAdmin(looking, '/q/rebuild'),
    askAsAdmin(looking, `/orders?status=pending&limit=1&to=${new Date(Date.now() - minute).toISOString()}`),
  ])
  const [traces, machine] = await Promise.all([
    gatherTraces(looking, services),
    isLoopback(hostname) ? inspectMachine(config, isRunning(gateway, services)) : undefined,
  ])
  const mode = modeOf(gateway, hostname)
  return { mode, gateway, keys, signIn: signedIn, services, rebuild, stuckOrders, traces, machine }
}

interface Looking {
  readonly config: LocalConfig
  readonly target: Target
  readonly hostname: string
  readonly admin: Promise<SignIn>
  readonly trace: TraceProbe
}

async function askAsAdmin({ admin, target }: Looking, path: string): Promise<Contact | undefined> {
  const signedIn = await admin
  return 'token' in signedIn ? ask(`${target.url}${path}`, { token: signedIn.token }) : undefined
}

function gatherTraces({ config, target, hostname, trace }: Looking, services: readonly ServiceFacts[]) {
  const jaegerUrl = target.jaegerUrl ?? `http://${hostname}:${config.JAEGER_PORT}`
  const recording = services.filter(({ deadLetters }) => isRecorded(deadLetters, trace)).map(({ name }) => name)
  return followTrace(trace, jaegerUrl, recording)
}

function isRunning(gateway: Contact, services: readonly ServiceFacts[]): boolean {
  return gateway.answered || services.some(({ health }) => healthIn(health))
}

async function signIn({ url, token }: Target): Promise<SignIn> {
  if (token !== undefined) return { outcome: 'token-given', token }
  // A password that everybody knows is no secret, but wrong ones lock an account.
  if (!isLoopback(new URL(url).hostname)) return { outcome: 'not-tried' }
  try {
    return { outcome: 'signed-in', token: await signInAt(url, 'admin', 'admin') }
  } catch (error) {
    if (!(error instanceof SignInFailed)) throw error
    return { outcome: 'failed', reason: error.message }
  }
}

async function look(service: Service, { config, target, hostname, admin, trace }: Looking): Promise<ServiceFacts> {
  const url = `http://${hostname}:${portOf(config, service.name)}`
  const letters = async () => {
    const signedIn = await admin
    const token = mayShowToken(new URL(target.url)) && 'token' in signedIn ? signedIn.token : undefined
    return ask(`${url}/ops/dead-letters`, { token, headers: trace.headers })
  }
  const [health, routed, metrics, deadLetters] = await Promise.all([
    ask(`${url}/health`),
    ask(`${target.url}${service.paths[0]}/health`),
    ask(`${url}/metrics`),
    letters(),
  ])
  const plan = { name: service.name, url, portVariable: portVariable(service.name), takes: takenBy(service) }
  return { ...plan, health, routed, metrics: samplesOf(metrics), deadLetters }
}

function takenBy({ consumers }: Service): string[] {
  return consumers.filter(({ bound }) => bound !== false).flatMap(({ messages }) => messages.map(({ type }) => type))
}

function samplesOf(metrics: Contact): readonly Sample[] | undefined {
  if (!metrics.answered || metrics.status !== 200 || typeof metrics.body !== 'string') return undefined
  return samplesIn(metrics.body)
}

function modeOf(gateway: Contact, hostname: string): Mode {
  if (!isLoopback(hostname)) return 'elsewhere'
  if (!gateway.answered) return 'unknown'
  // Kong names itself in the answers that it gives and in those that it passes on.
  const kong = ['server', 'via'].some(name => gateway.headers.get(name)?.includes('kong'))
  return kong ? 'compose' : 'local'
}
