import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { environment, startService, type Environment, type Service } from '@feira/chassis'
import { chosenServices, portOf, type LocalConfig } from './config.ts'
import { startGateway } from './gateway/index.ts'
import { root, startInfra, type Infra } from './infra.ts'
import { services } from './services.ts'

/** The running system: servers, services and gateway. */
export interface System {
  readonly infra: Infra
  readonly gatewayUrl: string
  stop(): Promise<void>
}

export interface SystemOptions {
  /** Each service in a process of its own instead of all in this one. */
  readonly processes: boolean
  readonly progress: (step: string) => void
  /** Called when a service's own process ends by itself. */
  readonly onCrash: (message: string) => void
}

/** Starts the whole system, or the services chosen by `SERVICES`, on this machine. */
export async function startSystem(config: LocalConfig, options: SystemOptions): Promise<System> {
  const infra = await startInfra(config, options.progress)
  const stops: (() => Promise<void>)[] = []
  const stop = async () => {
    await Promise.all(stops.splice(0).map(each => each()))
    await infra.stop()
  }
  try {
    options.progress('services')
    for (const service of chosenServices(config)) {
      stops.push(await start(service, serviceEnvironment(service, config, infra), options))
    }
    options.progress('gateway')
    const gateway = await openGateway(config)
    stops.push(() => gateway.close())
    return { infra, gatewayUrl: `http://localhost:${config.GATEWAY_PORT}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function serviceEnvironment(service: Service, config: LocalConfig, infra: Infra): Environment {
  return {
    LOG_FORMAT: 'pretty',
    ...environment(),
    HOST: '127.0.0.1',
    PORT: String(portOf(config, service.name)),
    LOG_LEVEL: config.LOG_LEVEL,
    SKIP_MIGRATIONS: 'true',
    ...infra.environmentOf(service.name),
  }
}

async function start(service: Service, env: Environment, options: SystemOptions): Promise<() => Promise<void>> {
  if (options.processes) return startProcess(service, env, options)
  const running = await startService(service, env)
  return () => running.stop()
}

async function startProcess(service: Service, env: Environment, { onCrash }: SystemOptions) {
  const main = path.join(root, `app-${service.name}`, 'src', 'main.ts')
  const args = ['--import', new URL('end-with-parent.ts', import.meta.url).href, main]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  let stopping = false
  void exited.then(([code, signal]) => {
    if (!stopping) onCrash(`app-${service.name} ended by itself (${String(signal ?? code)}).`)
  })
  const url = `http://127.0.0.1:${env['PORT']}/live`
  const answers = async () => (await fetch(url).catch(() => undefined))?.ok === true
  while (child.exitCode === null && !(await answers())) await sleep(50)
  return async () => {
    stopping = true
    child.kill('SIGTERM')
    await exited
  }
}

function openGateway(config: LocalConfig) {
  const upstreams: Record<string, { host: string; port: number }> = {}
  // kong.yml names the services as compose and AWS know them.
  for (const { name, port } of services)
    upstreams[`app-${name}:${port}`] = { host: '127.0.0.1', port: portOf(config, name) }
  return startGateway({
    configFile: path.join(root, 'docker/kong/kong.yml'),
    port: config.GATEWAY_PORT,
    upstreams,
    rateLimit: config.RATE_LIMIT,
  })
}
