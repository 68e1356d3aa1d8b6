import type { GatewayConfig, PluginConfig, RouteConfig, ServiceConfig } from './config.ts'

/** One path of one route. */
export interface RoutePath {
  readonly route: RouteConfig
  /** Absent for a route that a plugin answers alone. */
  readonly service: ServiceConfig | undefined
  /** The most specific configuration of each plugin that applies. */
  readonly plugins: readonly PluginConfig[]
  /** The part of `path` that the route's path matches, from the beginning; `undefined` when it does not match. */
  readonly match: (path: string) => string | undefined
  readonly methods: readonly string[] | undefined
}

export interface RouteMatch<Path extends RoutePath = RoutePath> {
  readonly found: Path
  /** What the route's path matched. */
  readonly prefix: string
}

/** Every path of every route, in the order in which Kong's router tries them. */
export function routePaths(config: GatewayConfig): RoutePath[] {
  const ofServices = config.services.flatMap(service => service.routes.map(route => ({ route, service })))
  const alone = config.routes.map(route => ({ route, service: undefined }))
  return [...ofServices, ...alone]
    .flatMap(({ route, service }) => route.paths.map(path => ({ route, service, path })))
    .toSorted(byPriority)
    .map(({ route, service, path }) => ({
      route,
      service,
      plugins: mergePlugins(config.plugins, service?.plugins ?? [], route.plugins),
      match: matcher(path),
      methods: route.methods,
    }))
}

/** Finds the route of a normalised path. */
export function findRoute<Path extends RoutePath>(
  routes: readonly Path[],
  method: string,
  path: string,
): RouteMatch<Path> | undefined {
  for (const found of routes) {
    if (found.methods && !found.methods.includes(method)) continue
    const prefix = found.match(path)
    if (prefix !== undefined) return { found, prefix }
  }
  return undefined
}

interface Candidate {
  readonly route: RouteConfig
  readonly path: string
}

// What names more wins; then expressions before prefixes, by their priority; then the longer path.
function byPriority(one: Candidate, other: Candidate): number {
  return (
    Number(other.route.methods !== undefined) - Number(one.route.methods !== undefined) ||
    Number(isExpression(other.path)) - Number(isExpression(one.path)) ||
    (isExpression(one.path) ? other.route.regex_priority - one.route.regex_priority : 0) ||
    other.path.length - one.path.length
  )
}

function isExpression(path: string): boolean {
  return path.startsWith('~')
}

function matcher(path: string): (requested: string) => string | undefined {
  if (!isExpression(path)) return requested => (requested.startsWith(path) ? path : undefined)
  const expression = new RegExp(`^(?:${path.slice(1)})`)
  return requested => expression.exec(requested)?.[0]
}

function mergePlugins(...levels: readonly (readonly PluginConfig[])[]): PluginConfig[] {
  return [...new Map(levels.flat().map(plugin => [plugin.name, plugin])).values()]
}
