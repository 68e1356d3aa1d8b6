import { baseConfig, readConfig, type ConfigShape } from '@feira/chassis'
import type { App } from '../src/apps.ts'
import { containersOf, type Container, type Resource, type StackRule } from './resource.ts'

/** What the gateway's file says of one upstream. */
export interface Upstream {
  readonly host: string
  readonly port: number
  readonly path: string
}

/**
 * Whether tasks and services agree with what the apps say of themselves: service.ts (port, paths) and config.ts (variables).
 * @param upstreams of docker/kong/kong.yml
 */
export function agreesWithTheApps(apps: readonly App[], upstreams: readonly Upstream[]): StackRule {
  return {
    name: 'agrees-with-the-apps',
    description:
      "Ports, paths and variables are those of each app's service.ts and config.ts, and of the gateway's routes.",
    check: resources =>
      apps.flatMap(app => {
        const find = (type: string) => resources.find(resource => resource.type === type && resource.name === app.name)
        const definition = find('aws:ecs/taskDefinition:TaskDefinition')
        const service = find('aws:ecs/service:Service')
        return [
          ...(definition === undefined ? [] : taskProblems(app, definition)),
          ...(service === undefined ? [] : serviceProblems(app, service)),
          ...app.service.paths
            .filter(
              path =>
                !upstreams.some(
                  upstream =>
                    upstream.host === app.name && upstream.port === app.service.port && upstream.path === path,
                ),
            )
            .map(path => `the gateway has no route for ${path} to ${app.name}:${app.service.port}`),
        ].map(problem => `${app.name}: ${problem}`)
      }),
  }
}

function taskProblems({ name, service, command = [] }: App, definition: Resource): string[] {
  const container = containersOf(definition).find(candidate => candidate.name === name)
  if (container === undefined) return []
  const problems: string[] = []
  const ports = container.portMappings?.map(({ containerPort }) => containerPort)
  if (!ports?.includes(service.port)) problems.push(`opens ${ports?.join(', ')} and not its port ${service.port}`)
  const probe = container.healthCheck?.command.at(-1)
  if (probe !== `http://127.0.0.1:${service.port}/live`) problems.push(`is asked for its health at ${probe}`)
  if ((container.command ?? []).join(' ') !== command.join(' ')) problems.push(`runs ${container.command?.join(' ')}`)
  return [...problems, ...variableProblems(service.name, { ...baseConfig, ...service.config }, container)]
}

function serviceProblems({ name, service }: App, { props }: Resource): string[] {
  const connect = props['serviceConnectConfiguration'] as
    { services?: { clientAlias?: { dnsName: string; port: number }[] }[] } | undefined
  const aliases = connect?.services?.flatMap(({ clientAlias }) => clientAlias ?? []) ?? []
  return aliases.some(alias => alias.dnsName === name && alias.port === service.port)
    ? []
    : [`cannot be called as ${name}:${service.port}`]
}

/** Values of the kind that Secrets Manager holds, so that the rest can be read as the service will. */
const samples: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://service:password@database:5432/service?sslmode=verify-full',
  BROKER_URL: 'amqps://service:password@broker:5671',
  REDIS_URL: 'rediss://:password@cache:6379',
  SMTP_URL: 'smtps://service:password@mail:465',
  ADMIN_PASSWORD: 'a password of the first admin',
}
const someSecret = 'a secret that is certainly as long as it must be'

function variableProblems(
  subject: string,
  shape: ConfigShape,
  { environment = [], secrets = [], stopTimeout = 30 }: Container,
): string[] {
  const values = {
    ...Object.fromEntries(environment.map(({ name, value }) => [name, value])),
    ...Object.fromEntries(secrets.map(({ name }) => [name, samples[name] ?? someSecret])),
  }
  const unknown = Object.keys(values).filter(name => !(name in shape))
  const problems = unknown.map(name => `is given ${name}, which it does not read`)
  try {
    const { SHUTDOWN_TIMEOUT } = readConfig(subject, { ...baseConfig, ...shape }, values)
    if (SHUTDOWN_TIMEOUT >= 1_000 * stopTimeout) problems.push('is killed before its own limit, SHUTDOWN_TIMEOUT')
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
  }
  return problems
}
