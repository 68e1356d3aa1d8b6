import { containersOf, type Resource, type Rule, type StackRule } from './resource.ts'

export const containersAreKept: Rule = {
  name: 'containers-are-kept',
  description:
    'Every container has a health check, limits, a log and a read-only file system; its image is one certain one.',
  check(resource) {
    if (resource.type !== 'aws:ecs/taskDefinition:TaskDefinition') return []
    const limits = ['cpu', 'memory'].filter(limit => !resource.props[limit]).map(limit => `has no limit of ${limit}`)
    return [
      ...limits,
      ...containersOf(resource).flatMap(container =>
        [
          container.healthCheck?.command.length ? '' : 'has no health check',
          container.cpu && container.memory ? '' : 'has no limits',
          container.logConfiguration?.options?.['awslogs-group'] ? '' : 'has no log',
          container.readonlyRootFilesystem === true ? '' : 'may write to its file system',
          container.privileged === true ? 'is privileged' : '',
          isPinned(container.image) ? '' : `runs ${container.image}, which may be another tomorrow`,
        ]
          .filter(Boolean)
          .map(problem => `${container.name} ${problem}`),
      ),
    ]
  },
}

/** By its digest, or by a tag that is a version. An image that is not built yet has no name. */
function isPinned(image: string | undefined): boolean {
  return image === undefined || /@sha256:[\da-f]{64}$|:v?\d+\.\d+[\w.-]*$/.test(image)
}

export const logsAreForgotten: Rule = {
  name: 'logs-are-forgotten',
  description: 'Every log group says how long it keeps what is in it.',
  check: ({ type, props }) =>
    type === 'aws:cloudwatch/logGroup:LogGroup' && !(Number(props['retentionInDays']) > 0)
      ? ['keeps everything for ever']
      : [],
}

export const databasesAreBackedUp: Rule = {
  name: 'databases-are-backed-up',
  description: 'Every database has backups.',
  check: ({ type, props }) =>
    type === 'aws:rds/instance:Instance' && !(Number(props['backupRetentionPeriod']) > 0) ? ['has no backups'] : [],
}

export const deploymentsRollBack: Rule = {
  name: 'deployments-roll-back',
  description:
    'A service whose new tasks fail goes back to the old ones, and its old ones stay until the new ones serve.',
  check({ type, props }) {
    if (type !== 'aws:ecs/service:Service') return []
    const breaker = props['deploymentCircuitBreaker'] as { enable?: boolean; rollback?: boolean } | undefined
    return [
      ...(breaker?.enable === true && breaker.rollback === true ? [] : ['has no circuit breaker that rolls back']),
      ...(Number(props['deploymentMinimumHealthyPercent'] ?? 100) >= 100
        ? []
        : ['stops old tasks before new ones serve']),
    ]
  },
}

const service = 'aws:ecs/service:Service'

export const servicesAreWatched: StackRule = {
  name: 'services-are-watched',
  description: 'Every service scales by itself and has an alarm for when it is down, which somebody is told of.',
  check(resources) {
    const names = (type: string) => resources.filter(resource => resource.type === type).map(({ name }) => name)
    const scaled = names('aws:appautoscaling/target:Target')
    const told = resources
      .filter(({ type, props }) => type === 'aws:cloudwatch/metricAlarm:MetricAlarm' && isTold(props))
      .map(({ name }) => name)
    return names(service).flatMap(name => [
      ...(scaled.includes(name) ? [] : [`${name} does not scale`]),
      ...(told.includes(`${name}-ServiceDown`) ? [] : [`${name} has no alarm ServiceDown`]),
    ])
  },
}

function isTold(props: Resource['props']): boolean {
  return props['actionsEnabled'] !== false && Array.isArray(props['alarmActions']) && props['alarmActions'].length > 0
}

/** @param folders the folders of the apps in this repository */
export function everyAppRuns(folders: readonly string[]): StackRule {
  return {
    name: 'every-app-runs',
    description: 'Every app-* folder of the repository has a service.',
    check(resources) {
      const running = new Set(resources.filter(({ type }) => type === service).map(({ name }) => name))
      return folders.filter(folder => !running.has(folder)).map(folder => `${folder} has no service`)
    },
  }
}
