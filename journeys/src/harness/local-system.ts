import { globSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from './http.ts'
import { OrderBook } from './order-book.ts'
import { freePort } from './port.ts'
import { Program, run, type Environment, type Exit } from './program.ts'
import { serviceNames } from './service-process.ts'
import { Hopeless, until } from './until.ts'

const portVariables = [
  'GATEWAY_PORT',
  'POSTGRES_PORT',
  'BROKER_PORT',
  'SMTP_PORT',
  'MAIL_UI_PORT',
  ...serviceNames.map(name => `${name.toUpperCase()}_PORT` as const),
] as const
type PortVariable = (typeof portVariables)[number]

interface Listed {
  readonly id: string
  readonly orderId: string
  readonly number: string
  readonly totalCents: number
}

/** What `npm start` runs, with a data directory and ports of its own, which stay the same when it is started again. */
export class LocalSystem {
  readonly dataDirectory: string
  readonly ports: Readonly<Record<PortVariable, number>>
  readonly book: OrderBook
  #program: Program | undefined
  #admin: Readonly<Record<string, string>> = {}

  private constructor(dataDirectory: string, ports: LocalSystem['ports']) {
    this.dataDirectory = dataDirectory
    this.ports = ports
    this.book = new OrderBook(
      () => this.url,
      () => this.admin,
    )
  }

  static async create(): Promise<LocalSystem> {
    const directory = await mkdtemp(join(tmpdir(), 'feira-local-mode-'))
    // Where the tests run as root, PostgreSQL runs as somebody else, who has to get in.
    await chmod(directory, 0o755)
    const ports: Record<string, number> = {}
    for (const variable of portVariables) ports[variable] = await freePort()
    return new LocalSystem(directory, ports)
  }

  /** The gateway's address. */
  get url(): string {
    return `http://127.0.0.1:${this.ports.GATEWAY_PORT}`
  }

  get program(): Program {
    if (!this.#program) throw new Error('the local system was never started')
    return this.#program
  }

  get environment(): Environment {
    return {
      DATA_DIR: this.dataDirectory,
      ...Object.fromEntries(Object.entries(this.ports).map(([variable, port]) => [variable, String(port)])),
    }
  }

  /** Runs `npm start`, or another command of the same script, and waits until its screen shows `expected`. */
  async start(args: readonly string[] = [], env: Environment = {}, expected = 'Feira is up'): Promise<void> {
    const program = new Program(['local/start.mjs', ...args], { ...this.environment, ...env })
    this.#program = program
    await until(
      `the screen says "${expected}"`,
      () => {
        if (program.output.includes(expected)) return true
        if (!program.running) throw new Hopeless(`it ended: ${program.output}`)
        return false
      },
      60_000,
    )
  }

  /** Signs in as the admin, once app-users runs. Its token outlives a restart. */
  async signIn(): Promise<void> {
    const { code, output } = await this.run(['token'])
    if (code !== 0) throw new Error(`npm run token ended with ${code}: ${output}`)
    this.#admin = { authorization: `Bearer ${output.trim()}` }
  }

  /** Headers of a request by the admin. */
  get admin(): Readonly<Record<string, string>> {
    return this.#admin
  }

  /** Runs a command of the same script to its end. */
  run(args: readonly string[] = [], env: Environment = {}): Promise<Exit & { readonly output: string }> {
    return run(['local/start.mjs', ...args], { ...this.environment, ...env })
  }

  /** Ctrl-C in its terminal. */
  async interrupt(): Promise<Exit> {
    this.program.pressCtrlC()
    return this.program.exited
  }

  /** `kill -9` of the process that `npm start` is. */
  async kill(): Promise<Exit> {
    return this.program.end('SIGKILL')
  }

  /** The process id of the embedded PostgreSQL while it runs. */
  get postgresPid(): number {
    const [file] = globSync(join(this.dataDirectory, 'postgres/**/postmaster.pid'))
    return Number(readFileSync(file as string, 'utf8').split('\n')[0])
  }

  /** All orders, or all invoices, page by page. */
  async list(path: '/orders' | '/invoices'): Promise<Listed[]> {
    const items: Listed[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const { status, body } = await request(`${this.url}${path}?limit=100${cursor && `&cursor=${cursor}`}`, {
        headers: this.admin,
      })
      if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`)
      const page = body as { items: Listed[]; nextCursor: string | null }
      items.push(...page.items)
      cursor = page.nextCursor
    }
    return items
  }

  async destroy(): Promise<void> {
    await this.book.stopPlacing()
    await this.#program?.killAll()
    await until(
      'PostgreSQL has ended',
      () => globSync(join(this.dataDirectory, 'postgres/**/postmaster.pid')).length === 0,
    )
    await rm(this.dataDirectory, { recursive: true, force: true })
  }
}
