import { setTimeout as sleep } from 'node:timers/promises'
import { Program, run, type Environment, type Exit } from './program.ts'
import { freePort } from './port.ts'
import { Hopeless, until } from './until.ts'

export const serviceNames = ['orders', 'invoices', 'users', 'products', 'notifications', 'queries', 'partners'] as const
export type ServiceName = (typeof serviceNames)[number]

/** Where a process can be made to kill itself, see chassis/src/crash-point.ts. */
export type CrashPoint = 'before-publish' | 'after-publish' | 'before-ack'

/** One replica of a service, in a process of its own, that keeps its port when it is started again. */
export class ServiceProcess {
  readonly name: ServiceName
  readonly port: number
  /** Whether the gateway sends requests to it, as a load balancer knows by its readiness. */
  inRotation = false
  readonly #env: Environment
  #program: Program | undefined

  private constructor(name: ServiceName, port: number, env: Environment) {
    this.name = name
    this.port = port
    this.#env = { HOST: '127.0.0.1', PORT: String(port), LOG_LEVEL: 'warn', ...env }
  }

  /** @param env may depend on the address that the replica will have. */
  static async create(name: ServiceName, env: Environment | ((url: string) => Environment)): Promise<ServiceProcess> {
    const port = await freePort()
    return new ServiceProcess(name, port, typeof env === 'function' ? env(`http://127.0.0.1:${port}`) : env)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get program(): Program {
    if (!this.#program) throw new Error(`app-${this.name} was never started`)
    return this.#program
  }

  /** Migrates its database and declares its queues. */
  async setUp(): Promise<void> {
    const { code, output } = await run([this.#main, 'setup'], this.#env)
    if (code !== 0) throw new Error(`app-${this.name} could not be set up:\n${output}`)
  }

  /**
   * Starts the process and waits until it answers on `path`: on `/live` at once, on `/ready` when it has reached its servers.
   * @param env what is special about this run.
   */
  async start(env: Environment = {}, path: '/live' | '/ready' = '/live'): Promise<void> {
    const program = new Program([this.#main], { ...this.#env, ...env })
    this.#program = program
    await until(`app-${this.name} answers on ${path}`, async () => {
      if (!program.running) throw new Hopeless(`app-${this.name} ended: ${program.output}`)
      return (await fetch(this.url + path)).ok
    })
    this.inRotation = true
  }

  /** Starts it with a named point of its program at which it kills itself, and waits until it has. */
  async crash(point: CrashPoint): Promise<Exit> {
    const program = new Program([this.#main], { ...this.#env, CRASH_AT: point })
    this.#program = program
    this.inRotation = true
    const exit = await Promise.race([program.exited, sleep(60_000, undefined, { ref: false })])
    if (!exit) throw new Error(`app-${this.name} never came to ${point}`)
    return exit
  }

  /** Stops it as an orchestrator does: out of rotation first, then SIGTERM. */
  async stop(): Promise<Exit> {
    this.inRotation = false
    return this.program.end('SIGTERM')
  }

  /** `kill -9` */
  async kill(): Promise<Exit> {
    return this.program.end('SIGKILL')
  }

  /** Whatever state it is in, nothing of it is left afterwards. */
  async destroy(): Promise<void> {
    await this.#program?.killAll()
  }

  /** The sum of a metric's samples that carry all these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text()
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    return text
      .split('\n')
      .filter(line => line.startsWith(`${name}{`) && wanted.every(label => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

  get #main(): string {
    return `app-${this.name}/src/main.ts`
  }
}
