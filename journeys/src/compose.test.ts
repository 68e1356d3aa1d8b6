import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

interface Container {
  readonly image: string
  readonly build: { readonly context: string; readonly dockerfile: string }
  readonly environment: Readonly<Record<string, string>>
  readonly depends_on: Readonly<Record<string, { readonly condition: string }>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
  readonly stop_grace_period: string
}

interface Compose {
  readonly services: Readonly<Record<string, Container>>
}

interface Kong {
  readonly services: readonly { readonly host: string; readonly port: number; readonly path: string }[]
}

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
// Without warnings about Compose's own tags, such as !override: their values are read all the same.
const readYaml = (path: string): unknown => parse(read(path), { merge: true, logLevel: 'error' })
const capture = (text: string, pattern: RegExp) => pattern.exec(text)?.[1] ?? ''

const apps = readdirSync(root)
  .filter(name => name.startsWith('app-'))
  .map(folder => ({
    folder,
    name: folder.slice('app-'.length),
    port: capture(read(`${folder}/src/service.ts`), /\bport: (\d+)/),
    dockerfile: read(`${folder}/Dockerfile`),
  }))
type App = (typeof apps)[number]

const { services: system } = readYaml('docker-compose.yml') as Compose
const containers = Object.entries(system)
const isSetup = (name: string) => name.endsWith('-setup')
const lasting = containers.filter(([name]) => !isSetup(name))
const { services: kong } = readYaml('docker/kong/kong.yml') as Kong

function container(name: string, services = system): Container {
  const found = services[name]
  if (!found) throw new Error(`there is no container ${name}`)
  return found
}

test('the services and their ports are seen', () => {
  expect(apps.length).toBeGreaterThanOrEqual(2)
  expect(apps.filter(({ port }) => !/^\d{4}$/.test(port))).toEqual([])
})

describe('the system in docker-compose.yml', () => {
  test('holds each service, its setup, and no other', () => {
    const expected = apps.flatMap(({ folder }) => [folder, `${folder}-setup`])
    expect(new Set(Object.keys(system).filter(name => name.startsWith('app-')))).toEqual(new Set(expected))
  })

  test.each(apps)('$folder starts after every setup', ({ folder }) => {
    const setups = apps.map(app => [`${app.folder}-setup`, { condition: 'service_completed_successfully' }])
    expect(container(folder).depends_on).toEqual(Object.fromEntries(setups))
  })

  test.each(apps)('$folder-setup runs once, with the settings of the service, on servers that are up', app => {
    const { folder } = app
    const { image, build, environment } = container(folder)
    expect(container(`${folder}-setup`)).toMatchObject({
      image,
      build,
      environment,
      command: ['setup'],
      restart: 'no',
      healthcheck: { disable: true },
      depends_on: { postgres: { condition: 'service_healthy' }, rabbitmq: { condition: 'service_healthy' } },
    })
  })

  test.each(apps)('$folder has its own port everywhere', ({ folder, port }) => {
    expect(container(folder).ports?.map(published => published.split(':').at(-1))).toEqual([port])
    expect(container(folder).healthcheck.test).toContain(`http://127.0.0.1:${port}/ready`)
    expect(kong.filter(({ host }) => host === folder).map(upstream => String(upstream.port))).toContain(port)
  })

  test.each(apps)('$folder has a database and a role of its own', ({ folder, name }) => {
    const password = `\${${name.toUpperCase()}_DATABASE_PASSWORD:-${name}}`
    expect(container(folder).environment['DATABASE_URL']).toBe(`postgres://${name}:${password}@postgres:5432/${name}`)
    expect(container('postgres').environment['DATABASES']?.split(/\s+/)).toContain(`${name}:${password}`)
  })

  test.each(apps)('$folder reaches the broker and Redis, as all do', ({ folder }) => {
    const { BROKER_URL, REDIS_URL } = container(folder).environment
    expect(BROKER_URL).toMatch(/@rabbitmq:5672$/)
    expect(REDIS_URL).toBe('redis://redis:6379')
  })

  test('the gateway starts when every service is ready', () => {
    const ready = apps.map(({ folder }) => [folder, { condition: 'service_healthy' }])
    expect(container('kong').depends_on).toEqual(Object.fromEntries(ready))
  })

  test('the gateway leads to containers only', () => {
    expect(kong.length).toBeGreaterThanOrEqual(apps.length)
    expect(kong.map(({ host }) => host).filter(host => !(host in system))).toEqual([])
  })

  test.each(containers)('%s has no more rights than it needs, and limits', (_name, definition) => {
    expect(definition).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      logging: { options: { 'max-size': expect.any(String) } },
      deploy: {
        resources: { limits: { cpus: expect.any(String), memory: expect.any(String), pids: expect.any(Number) } },
      },
    })
    expect(Object.keys(definition)).not.toContain('privileged')
    expect(Object.keys(definition)).not.toContain('cap_add')
  })

  test.each(lasting)('%s is watched and restarted', (_name, definition) => {
    expect(definition).toMatchObject({ restart: 'unless-stopped', healthcheck: { test: expect.any(Array) } })
  })

  test('is published to this machine alone, each port by a variable', () => {
    const ports = lasting.flatMap(([, { ports: published }]) => published ?? [])
    expect(ports.length).toBeGreaterThan(lasting.length)
    const address = /^(?:127\.0\.0\.1|\$\{GATEWAY_ADDRESS:-127\.0\.0\.1\}):\$\{[A-Z_]+:-\d+\}:\d+$/
    expect(ports.filter(port => !address.test(port))).toEqual([])
  })

  test.each(apps)('$folder is given longer to stop than it takes', ({ folder }) => {
    const limit = capture(read('chassis/src/config.ts'), /SHUTDOWN_TIMEOUT: duration\(\)\.default\(([\d_]+)\)/)
    const grace = Number.parseInt(container(folder).stop_grace_period, 10) * 1_000
    expect(Number(limit.replaceAll('_', ''))).toBeGreaterThan(1_000)
    expect(grace).toBeGreaterThan(Number(limit.replaceAll('_', '')))
  })

  test('has its variables, with their defaults, in .env.example', () => {
    const settings = read('docker-compose.yml').replace(/^ *#.*$/gm, '')
    const variables = [...settings.matchAll(/\$\{([A-Z_]+):-([^}]*)\}/g)].map(([, name, value]) => `# ${name}=${value}`)
    const example = read('.env.example').split('\n')
    expect(variables.length).toBeGreaterThan(10)
    expect(variables.filter(line => !example.includes(line))).toEqual([])
  })
})

describe.each(apps)('$folder/docker-compose.yml', ({ folder, name }) => {
  const { services } = readYaml(`${folder}/docker-compose.yml`) as Compose

  test('runs the service with servers of its own, as the system does', () => {
    const names = [`${folder}-setup`, folder, 'postgres', 'rabbitmq']
    expect(Object.keys(services)).toEqual(names)
    for (const service of names) {
      expect(container(service, services)).toMatchObject({ extends: { file: '../docker-compose.yml', service } })
    }
  })

  test('needs no other service', () => {
    const own = { [`${folder}-setup`]: { condition: 'service_completed_successfully' } }
    expect(container(folder, services).depends_on).toEqual(own)
    expect(container('postgres', services).environment['DATABASES']).toMatch(new RegExp(`^${name}:\\S+$`))
  })
})

describe.each(apps)('$folder/Dockerfile', app => {
  const { folder, dockerfile } = app

  test('differs from the others in names only', () => {
    expect(generic(app)).toBe(generic(apps[0] as App))
  })

  test('copies, and installs packages for, what the service depends on', () => {
    const { dependencies } = JSON.parse(read(`${folder}/package.json`)) as { dependencies: Record<string, string> }
    const needed = Object.keys(dependencies).flatMap(name => (name.startsWith('@feira/') ? [name.slice(7)] : []))
    const installed = [...dockerfile.matchAll(/ -w ([\w-]+)/g)].map(([, workspace]) => workspace)
    const copied = [...dockerfile.matchAll(/^COPY ([\w-]+) \1$/gm)].map(([, workspace]) => workspace)
    expect(new Set(installed)).toEqual(new Set([...needed, folder]))
    expect(new Set(copied)).toEqual(new Set(installed))
  })

  test('starts the service as process 1 without root, and stops it by SIGTERM', () => {
    expect(dockerfile).toMatch(/^USER (?!root|0\b)\w+$/m)
    expect(dockerfile).toContain(`\nENTRYPOINT ["node", "${folder}/src/main.ts"]\n`)
    expect(dockerfile).toContain('\nSTOPSIGNAL SIGTERM\n')
  })

  test('asks on the port of the service whether it is alive', () => {
    expect(dockerfile).toContain(`\nEXPOSE ${app.port}\n`)
    expect(dockerfile).toContain(`CMD ["node", "docker/probe.mjs", "http://127.0.0.1:${app.port}/live"]`)
  })
})

/** The Dockerfile of any service. */
function generic({ folder, port, dockerfile }: App): string {
  const description = /image\.description=".*"/
  return dockerfile.replaceAll(folder, 'app-x').replaceAll(port, '0000').replace(description, 'image.description=""')
}
