import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import { chosenServices, portOf, type LocalConfig } from './config.ts'
import { root } from './infra.ts'
import { services } from './services.ts'

/** Prometheus cannot be run; the message says what to do. */
export class NoPrometheus extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoPrometheus'
  }
}

interface Job {
  readonly job_name: string
  readonly static_configs: readonly { readonly targets: readonly string[] }[]
  readonly dns_sd_configs?: unknown
  readonly relabel_configs?: readonly object[]
}

interface Settings {
  readonly global: Readonly<Record<string, string>>
  readonly scrape_configs: readonly Job[]
}

const source = path.join(root, 'docker/prometheus')

/**
 * Runs Prometheus for a system of `npm start`, by the configuration and the rules of the containers, until it is stopped.
 * @param speed how many times faster than by the rules alerts are raised, for trying them: every interval, window and
 * waiting time is divided by it.
 * @throws NoPrometheus
 */
export async function runPrometheus(config: LocalConfig, speed: number): Promise<void> {
  if (!(speed > 0)) throw new NoPrometheus('--speed must be a number above 0.')
  const folder = path.resolve(root, config.DATA_DIR, speed === 1 ? 'prometheus' : `prometheus-${speed}-times`)
  const file = await writeSettings(config, folder, speed)
  const address = `127.0.0.1:${config.PROMETHEUS_PORT}`
  const storage = `--storage.tsdb.path=${path.join(folder, 'data')}`
  console.log(`Prometheus is at http://${address}, its alerts at http://${address}/alerts.`)
  const args = [`--config.file=${file}`, storage, `--web.listen-address=${address}`, '--log.level=warn']
  const child = spawn('prometheus', args, { stdio: 'inherit' })
  const stop = () => void child.kill('SIGTERM')
  process.on('SIGINT', stop).on('SIGTERM', stop)
  await once(child, 'exit').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new NoPrometheus(missing)
    throw error
  })
  if (child.exitCode !== 0)
    throw new NoPrometheus(`Prometheus ended by itself (${child.exitCode ?? child.signalCode}).`)
}

const missing = `There is no program \`prometheus\` here. Debian and Ubuntu: apt-get install prometheus. macOS: brew install prometheus.
Elsewhere: https://prometheus.io/download. In containers it is there already: docker compose up.`

async function writeSettings(config: LocalConfig, folder: string, speed: number): Promise<string> {
  const rules = path.join(folder, 'rules')
  await mkdir(rules, { recursive: true })
  for (const name of await readdir(path.join(source, 'rules'))) {
    const text = await readFile(path.join(source, 'rules', name), 'utf8')
    await writeFile(path.join(rules, name), sooner(text, speed))
  }
  const file = path.join(folder, 'prometheus.yml')
  const settings = await readFile(path.join(source, 'prometheus.yml'), 'utf8')
  await writeFile(file, localSettings(sooner(settings, speed), config))
  return file
}

/** The containers' configuration for services on this machine; each is still named as there, so that the rules and dashboards hold. */
export function localSettings(text: string, config: LocalConfig): string {
  const settings = parse(text) as Settings
  const jobs = settings.scrape_configs.flatMap(job => {
    if (job.job_name === 'services') return [onThisMachine(job, config)]
    if (job.job_name !== 'prometheus') return []
    return [{ ...job, static_configs: [{ targets: [`127.0.0.1:${config.PROMETHEUS_PORT}`] }] }]
  })
  return stringify({ ...settings, scrape_configs: jobs })
}

function onThisMachine(job: Job, config: LocalConfig): object {
  const chosen = chosenServices(config).map(({ name, port }) => `app-${name}:${port}`)
  const targets = job.static_configs.flatMap(each => each.targets).filter(target => chosen.includes(target))
  const addresses = services.map(({ name, port }) => ({
    source_labels: ['__address__'],
    regex: `app-${name}:${port}`,
    target_label: '__address__',
    replacement: `127.0.0.1:${portOf(config, name)}`,
  }))
  const relabelling = [...(job.relabel_configs ?? []), ...addresses]
  // Names that only the containers' network knows.
  return { ...job, dns_sd_configs: undefined, static_configs: [{ targets }], relabel_configs: relabelling }
}

const seconds = { s: 1, m: 60, h: 3_600 } as const

/** Divides what is waited for, and the windows of expressions: names such as `rate5m` stay. */
export function sooner(text: string, speed: number): string {
  if (speed === 1) return text
  return text.replaceAll(
    /(\bfor: |_interval: |\[)(\d+)([smh])\b/g,
    (_, before: string, count: string, unit: keyof typeof seconds) =>
      `${before}${Math.round((Number(count) * seconds[unit] * 1_000) / speed)}ms`,
  )
}
