import { globSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type App, apps, container, read, readYaml, root, system } from './compose.ts'

interface Route {
  readonly name: string
  readonly paths: readonly string[]
  readonly methods?: readonly string[]
  readonly request_buffering?: boolean
  readonly response_buffering?: boolean
}

interface Upstream {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly path: string
  readonly retries: number
  readonly connect_timeout: number
  readonly read_timeout: number
  readonly write_timeout: number
  readonly routes: readonly Route[]
}

interface Kong {
  readonly services: readonly Upstream[]
  readonly plugins: readonly { readonly name: string; readonly config: Readonly<Record<string, unknown>> }[]
}

const { services: upstreams, plugins } = readYaml('docker/kong/kong.yml') as Kong
const routes = upstreams.flatMap(upstream => upstream.routes.map(route => ({ upstream, route })))
const publicPaths = apps.flatMap(({ folder, port, paths }) => paths.map(path => ({ folder, port, path })))
// For both spellings of its address the same routes; of a folder the name alone is no path.
const spellings = (path: string) =>
  ['', '/api/v1'].flatMap(prefix => [...(path.startsWith('/.') ? [] : [`~${prefix}${path}$`]), `${prefix}${path}/`])

test('services, their paths and the routes are seen', () => {
  expect(publicPaths.length).toBeGreaterThanOrEqual(apps.length)
  expect(routes.length).toBeGreaterThanOrEqual(publicPaths.length)
})

describe('kong.yml', () => {
  test.each(publicPaths)('leads $path to $folder, also below /api/v1', ({ folder, port, path }) => {
    const found = upstreams.filter(upstream => upstream.path === path)
    for (const { host, port: number, routes: own } of found) {
      expect({ host, port: String(number) }).toEqual({ host: folder, port })
      expect(own.map(({ paths }) => paths)).toEqual([spellings(path)])
    }
    expect(found.flatMap(({ routes: own }) => own).filter(({ methods }) => methods === undefined)).toHaveLength(1)
  })

  test('leads nowhere else: not to /metrics, not to /ops', () => {
    const known = new Set(publicPaths.map(({ path }) => path))
    expect(upstreams.filter(({ path }) => !known.has(path))).toEqual([])
    expect([...known].filter(path => /^\/(?:metrics|ops)/.test(path))).toEqual([])
  })

  test.each(upstreams)('$name gives up in time', ({ connect_timeout, read_timeout, write_timeout, retries }) => {
    expect(connect_timeout).toBeLessThanOrEqual(5_000)
    for (const limit of [read_timeout, write_timeout]) expect(limit).toBeLessThanOrEqual(60_000)
    expect(retries).toBeLessThanOrEqual(2)
  })

  test.each(apps)('no PUT and no DELETE to $folder is repeated', app => {
    for (const path of app.paths.filter(candidate => changes(app, candidate))) {
      const changing = routes.filter(({ upstream, route }) => upstream.path === path && route.methods)
      expect(changing.map(({ route }) => route.methods)).toEqual([['PUT', 'DELETE']])
      expect(changing.map(({ upstream }) => upstream.retries)).toEqual([0])
    }
  })

  test('those that change by PUT or DELETE are seen', () => {
    expect(apps.filter(app => app.paths.some(path => changes(app, path))).length).toBeGreaterThanOrEqual(3)
  })

  test('holds no event back, in either direction', () => {
    const streaming = apps.filter(({ folder }) => sources(folder).some(source => /\bopenEventStream\(/.test(source)))
    expect(streaming.length).toBeGreaterThan(0)
    for (const { folder } of streaming) {
      const streams = routes.filter(({ upstream }) => upstream.host === folder).map(({ route }) => route)
      expect(streams).not.toEqual([])
      for (const route of streams) expect(route).toMatchObject({ request_buffering: false, response_buffering: false })
    }
  })

  test('sends its spans where the services send theirs', () => {
    const tracing = plugins.find(({ name }) => name === 'opentelemetry')?.config['traces_endpoint']
    expect(tracing).toBe(`${container('app-orders').environment['OTEL_EXPORTER_OTLP_ENDPOINT']}/v1/traces`)
  })
})

test('what is for the network alone is published nowhere', () => {
  const inside = { kong: 8100, rabbitmq: 15692 }
  expect(container('kong').environment['KONG_STATUS_LISTEN']).toBe('0.0.0.0:8100')
  for (const [name, port] of Object.entries(inside))
    expect(container(name).ports?.filter(published => published.endsWith(`:${port}`))).toEqual([])
})

describe('docker/prometheus/prometheus.yml', () => {
  interface Job {
    readonly static_configs?: readonly { readonly targets: readonly string[] }[]
    readonly dns_sd_configs?: readonly { readonly names: readonly string[]; readonly port: number }[]
  }
  const { scrape_configs: jobs } = readYaml('docker/prometheus/prometheus.yml') as {
    readonly scrape_configs: readonly Job[]
  }
  const targets = jobs.flatMap(({ static_configs = [], dns_sd_configs = [] }) => [
    ...static_configs.flatMap(config => config.targets),
    ...dns_sd_configs.flatMap(({ names, port }) => names.map(name => `${name}:${port}`)),
  ])

  test('asks every service, the workers, the gateway and the broker', () => {
    const services = apps.map(({ folder, port }) => `${folder}:${port}`)
    expect(targets).toEqual(
      expect.arrayContaining([...services, `notification-workers:${workersPort()}`, 'kong:8100', 'rabbitmq:15692']),
    )
  })

  test('asks nobody who is not there', () => {
    const strangers = targets.filter(
      target => !((target.split(':')[0] ?? '') in system) && !target.startsWith('localhost:'),
    )
    expect(strangers).toEqual([])
  })
})

function workersPort(): string {
  return /:(\d+)\/ready/.exec(container('notification-workers').healthcheck.test?.join(' ') ?? '')?.[1] ?? ''
}

/** The program of a service, file by file. */
function sources(folder: string): string[] {
  const files = globSync(`${folder}/src/**/*.ts`, { cwd: root }).filter(file => !file.endsWith('.test.ts'))
  return files.map(read)
}

/** Whether something below a path of a service is changed by PUT or DELETE. */
function changes({ folder }: App, path: string): boolean {
  const declared = [String.raw`app\.(?:put|delete)\(\s*'${path}\b`, String.raw`method: \['PUT'[^}]*?url: '${path}\b`]
  return sources(folder).some(source => declared.some(pattern => new RegExp(pattern).test(source)))
}
