import { Registry } from 'prom-client'
import { baseConfig, readConfig, type BaseConfig } from './config.ts'
import { createHttp } from './http/server.ts'
import { openNothing } from './opened.ts'
import { withPlaceholders } from './placeholder.ts'
import { routesOf } from './service-routes.ts'
import type { Resources, Service } from './service.ts'
import { createLogger } from './telemetry/log.ts'
import { createTracer } from './telemetry/tracer.ts'

const nowhere = { DATABASE_URL: 'postgres://nowhere/none', BROKER_URL: 'amqp://nowhere', LOG_LEVEL: 'silent' }

/**
 * The OpenAPI document that a service serves at `/docs/json` with its default settings, made of its value alone: no
 * server is needed, and nothing is opened or started.
 */
export async function describeService(service: Service): Promise<Readonly<Record<string, unknown>>> {
  const config = readConfig(`app-${service.name}`, { ...baseConfig, ...service.config }, nowhere) as BaseConfig
  const log = createLogger(service.name, config)
  const metrics = new Registry()
  const resources = withPlaceholders<Resources>({ config, metrics, log })
  openNothing(resources)
  const http = await createHttp({
    name: service.name,
    summary: service.summary,
    paths: service.paths,
    routes: routesOf(service, resources, () => {}),
    log,
    metrics,
    tracer: await createTracer(service.name, config),
    authenticate: () => undefined,
    keyRoles: service.apiKeys?.roles ?? [],
    checks: {},
    isStopping: () => false,
  })
  const answer = await http.inject('/docs/json')
  await http.close()
  if (answer.statusCode !== 200) throw new Error(`app-${service.name} cannot be described: ${answer.body}`)
  return answer.json()
}
