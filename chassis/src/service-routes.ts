import { opsRoutes } from './ops.ts'
import type { App, Resources, Service } from './service.ts'

/** Registers the endpoints of a service and those that the chassis adds, bound to the resources of its process. */
export function routesOf(
  service: Service,
  resources: Resources,
  onPublished: () => void,
): readonly ((app: App) => void)[] {
  return [
    ...service.routes.map(route => named(route.name, (app: App) => route(app, resources as Resources<never>))),
    opsRoutes(resources.query, onPublished, resources.config.INBOX_RETENTION),
  ]
}

// The name by which the use case is exported is that of its operation.
function named<Work extends object>(name: string, work: Work): Work {
  return Object.defineProperty(work, 'name', { value: name })
}
