import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type App, apps, capture, type Compose, container, read, readYaml, root, system } from './compose.ts'

const containers = Object.entries(system)
const isSetup = (name: string) => name.endsWith('-setup')
const lasting = containers.filter(([name]) => !isSetup(name))
const builtHere = (name: string) => name.startsWith('app-') || name === 'notification-workers'
// They look on: nobody may wait for them, or stop without them.
const onlookers = ['jaeger', 'prometheus', 'grafana', 'loki', 'fluent-bit', 'mailpit', 'keycloak']

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

  test('nobody waits for what only looks on', () => {
    expect(onlookers.filter(name => !(name in system))).toEqual([])
    const awaited = containers.flatMap(([, { depends_on }]) => Object.keys(depends_on ?? {}))
    expect(awaited.length).toBeGreaterThan(apps.length)
    expect(awaited.filter(name => onlookers.includes(name))).toEqual([])
  })

  test.each(containers)('%s has no more rights than it needs, and limits', (name, definition) => {
    expect(definition).toMatchObject({
      // In development Keycloak builds itself anew at every start.
      read_only: name !== 'keycloak',
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      logging: { driver: 'json-file', options: { 'max-size': expect.any(String), labels: expect.any(String) } },
      deploy: {
        resources: { limits: { cpus: expect.any(String), memory: expect.any(String), pids: expect.any(Number) } },
      },
    })
    expect(Object.keys(definition)).not.toContain('privileged')
    expect(Object.keys(definition)).not.toContain('cap_add')
  })

  test.each(lasting)('%s is restarted', (_name, { restart }) => expect(restart).toBe('unless-stopped'))

  // The image of fluent-bit holds nothing that a check could be made with.
  test.each(lasting.filter(([name]) => name !== 'fluent-bit'))('%s is watched', (_name, { healthcheck }) => {
    expect(healthcheck.test?.length).toBeGreaterThan(1)
  })

  test('what a container is given of this repository is there, for reading only', () => {
    const mounts = containers.flatMap(([, { volumes }]) => volumes?.filter(volume => volume.startsWith('./')) ?? [])
    expect(mounts.length).toBeGreaterThan(5)
    expect(mounts.filter(mount => !mount.endsWith(':ro'))).toEqual([])
    const files = mounts.map(mount => mount.split(':')[0] ?? '')
    expect(files.filter(file => !existsSync(join(root, file)))).toEqual([])
  })

  test('what is stored outlives the containers, and only that', () => {
    const named = containers.flatMap(([, { volumes }]) => volumes?.filter(volume => /^[a-z]/.test(volume)) ?? [])
    const { volumes } = readYaml('docker-compose.yml') as { volumes: object }
    expect(new Set(named.map(volume => volume.split(':')[0]))).toEqual(new Set(Object.keys(volumes)))
  })

  test('gives the broker its user, its virtual host and quorum queues by definitions', () => {
    const { environment, volumes } = container('rabbitmq')
    const [user, password] = ['${BROKER_USER}', '${BROKER_PASSWORD}']
    expect(JSON.parse(read('docker/rabbitmq/definitions.json'))).toMatchObject({
      vhosts: [{ name: '/', metadata: { default_queue_type: 'quorum' } }],
      users: [{ name: user, password }],
      permissions: [{ user, vhost: '/' }],
      policies: [{ vhost: '/', 'apply-to': 'quorum_queues' }],
    })
    const account = `${environment['BROKER_USER']}:${environment['BROKER_PASSWORD']}`
    expect(container('app-orders').environment['BROKER_URL']).toBe(`amqp://${account}@rabbitmq:5672`)
    expect(volumes).toContain('./docker/rabbitmq:/opt/feira:ro')
    expect(read('docker/rabbitmq/enabled_plugins').trim()).toBe('[rabbitmq_management,rabbitmq_prometheus].')
  })

  test('has fluent-bit carry logs to Loki, by the labels that Docker writes to every line', () => {
    const { pipeline } = readYaml('docker/fluent-bit/fluent-bit.yml') as {
      pipeline: { outputs: readonly { host: string; port: number; labels: string }[] }
    }
    const { server } = readYaml('docker/loki/loki.yml') as { server: { http_listen_port: number } }
    const [output] = pipeline.outputs
    expect(pipeline.outputs).toMatchObject([{ host: 'loki', port: server.http_listen_port }])
    const used = [...read('docker/fluent-bit/fluent-bit.yml').matchAll(/\$attrs\['([\w.]+)'\]/g)].map(
      ([, name]) => name,
    )
    expect(output?.labels).toContain(`container=$attrs['com.docker.compose.service']`)
    for (const [, { logging }] of containers)
      expect(new Set(logging.options['labels']?.split(','))).toEqual(new Set(used))
  })

  test.each(lasting.filter(([name]) => !builtHere(name)))('%s is of a version that is named', (_name, { image }) => {
    expect(image).toMatch(/^[\w./-]+:v?\d+/)
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
  const { services, networks } = readYaml(`${folder}/docker-compose.yml`) as Compose
  const setup = `${folder}-setup`

  test('runs the service with servers of its own, as the system does', () => {
    const names = [setup, folder, 'postgres', 'rabbitmq']
    expect(Object.keys(services)).toEqual(names)
    for (const service of names) {
      expect(container(service, services)).toMatchObject({ extends: { file: '../docker-compose.yml', service } })
    }
  })

  test('needs no other service', () => {
    expect(container(folder, services).depends_on).toEqual({ [setup]: { condition: 'service_completed_successfully' } })
    expect(container('postgres', services).environment['DATABASES']).toMatch(new RegExp(`^${name}:\\S+$`))
  })

  test('never takes the servers of the whole system for its own, which may be on the same network', () => {
    expect(networks).toEqual({ own: null, default: { name: 'feira' } })
    expect(container(folder, services).networks).toEqual(['own', 'default'])
    expect(container(setup, services).networks).toEqual(['own'])
    for (const server of ['postgres', 'rabbitmq'])
      expect(container(server, services).networks).toEqual({ own: { aliases: [`${name}-${server}`] } })
    for (const service of [setup, folder]) {
      const { DATABASE_URL, BROKER_URL, REDIS_URL } = container(service, services).environment
      expect(DATABASE_URL).toBe(container(folder).environment['DATABASE_URL']?.replace('@', `@${name}-`))
      expect(BROKER_URL).toBe(container(folder).environment['BROKER_URL']?.replace('@', `@${name}-`))
      expect(REDIS_URL).toBe('${REDIS_URL:-}')
    }
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
