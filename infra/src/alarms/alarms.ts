import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Broker } from '../broker.ts'
import type { Tasks } from '../config.ts'
import { connectionLimit, type Database } from '../database.ts'
import type { Gateway } from '../gateway.ts'
import { discoveryName, metricsNamespace, type Platform } from '../platform.ts'

export interface WatchedService {
  /** Its name in the cluster. */
  readonly name: string
  /** What it calls itself in its metrics; without one it has none that are watched here. */
  readonly label?: string
  /** Whether it is asked over HTTP by others in the cluster. */
  readonly asked: boolean
  readonly count: Pick<Tasks, 'min' | 'max'>
}

export interface AlarmsArgs {
  readonly platform: Platform
  readonly services: readonly WatchedService[]
  readonly gateway: Gateway
  readonly databases: ReadonlyMap<string, Database>
  readonly broker: Broker
}

type Dimensions = Readonly<Record<string, pulumi.Input<string>>>

interface Metric {
  readonly namespace: string
  readonly metricName: string
  readonly dimensions: Dimensions
  readonly stat: string
}

interface Condition {
  readonly comparison: '>' | '>=' | '<'
  readonly threshold: number
  /** In seconds. */
  readonly period?: number
  /** How many periods in a row. */
  readonly periods: number
  /** What no data at all means. */
  readonly missing?: 'notBreaching' | 'breaching' | 'ignore'
}

const comparisons = {
  '>': 'GreaterThanThreshold',
  '>=': 'GreaterThanOrEqualToThreshold',
  '<': 'LessThanThreshold',
} as const

/**
 * The alerts of docker/prometheus/rules as alarms of CloudWatch, by the same names, and those of AWS's own services. They
 * are one list, in one file, to be read beside those rules.
 * Who is to be told of them subscribes to the topic.
 */
export class Alarms extends pulumi.ComponentResource {
  readonly topic: aws.sns.Topic
  readonly #stack: string

  constructor(name: string, args: AlarmsArgs, options: pulumi.ComponentResourceOptions) {
    super('feira:infra:Alarms', name, {}, options)
    const { platform } = args
    this.#stack = platform.stack
    this.topic = new aws.sns.Topic(name, { kmsMasterKeyId: platform.keyArn }, { parent: this })
    if (platform.config.alarmEmail !== undefined) {
      new aws.sns.TopicSubscription(
        name,
        { topic: this.topic.arn, protocol: 'email', endpoint: platform.config.alarmEmail },
        { parent: this },
      )
    }

    for (const service of args.services) {
      this.#watchTasks(service, platform)
      if (service.asked) this.#watchRequests(service, platform)
    }
    for (const label of new Set(args.services.flatMap(service => service.label ?? []))) this.#watchMessages(label)
    this.#watchBusiness()
    this.#watchGateway(args.gateway)
    for (const [service, database] of args.databases)
      this.#watchDatabase(service, database, platform.config.database.class)
    this.#watchBroker(args.broker)
    this.registerOutputs({})
  }

  #watchTasks({ name, count }: WatchedService, { cluster }: Platform): void {
    // Each task that runs gives one sample a minute.
    const running = metricsOf('AWS/ECS', { ClusterName: cluster.name, ServiceName: name })(
      'CPUUtilization',
      'SampleCount',
    )
    this.#alarm('ServiceDown', name, `fewer tasks of ${name} run than must`, running, {
      comparison: '<',
      threshold: count.min,
      periods: 2,
      missing: 'breaching',
    })
    if (count.max === count.min) return
    this.#alarm('ScaledToLimit', name, `as many tasks of ${name} run as may; see infra/README.md on growing`, running, {
      comparison: '>=',
      threshold: count.max,
      periods: 15,
    })
  }

  #watchRequests({ name }: WatchedService, { stack }: Platform): void {
    const target = metricsOf('AWS/ECS', { TargetDiscoveryName: discoveryName(stack, name) })
    const answers = {
      errors: target('HTTPCode_Target_5XX_Count', 'Sum'),
      requests: metricsOf('AWS/ECS', { DiscoveryName: discoveryName(stack, name) })('RequestCount', 'Sum'),
    }
    const share = '100 * errors / requests'
    this.#expressionAlarm(
      'HighErrorRate',
      name,
      `${name} answers more than 5 % of its requests with 5xx`,
      share,
      answers,
      {
        comparison: '>',
        threshold: 5,
        periods: 5,
      },
    )
    this.#alarm(
      'SlowRequests',
      name,
      `one in 20 requests to ${name} takes longer than 1 s`,
      target('TargetResponseTime', 'p95'),
      { comparison: '>', threshold: 1_000, periods: 5 },
    )

    // The budget is 0.1 % of the requests in 30 days. A long window says that it matters, a short one that it still goes on.
    for (const { alert, rate, long, short } of [
      { alert: 'ErrorBudgetBurnsFast', rate: 1.44, long: 3_600, short: 300 },
      { alert: 'ErrorBudgetBurnsSlowly', rate: 0.6, long: 21_600, short: 1_800 },
    ]) {
      const windows = [long, short].map(period =>
        this.#expressionAlarm(
          alert,
          `${name}-${period / 60}-minutes`,
          `one of the two windows that must both be above it`,
          share,
          answers,
          { comparison: '>', threshold: rate, period, periods: 1 },
          'silent',
        ),
      )
      this.#composite(
        alert,
        name,
        `${name} uses up its budget of errors ${alert === 'ErrorBudgetBurnsFast' ? 'in 2 days' : 'in 5 days'}`,
        windows,
      )
    }
  }

  #watchMessages(service: string): void {
    const own = this.#measuredBy(service)
    this.#alarm(
      'OutboxLag',
      service,
      `a message of ${service} has waited for more than 30 s to leave`,
      own('outbox_oldest_seconds', 'Maximum'),
      { comparison: '>', threshold: 30, periods: 1 },
    )
    this.#alarm(
      'UnroutedMessages',
      service,
      `messages of ${service} find no queue`,
      own('outbox_messages', 'Maximum', { state: 'unrouted' }),
      { comparison: '>', threshold: 0, periods: 2 },
    )
    this.#alarm(
      'QueueBacklog',
      service,
      `more than 100 messages wait in a queue of ${service}`,
      own('queue_messages', 'Maximum'),
      { comparison: '>', threshold: 100, periods: 2 },
    )
    this.#alarm(
      'QueueWithoutConsumer',
      service,
      `nobody takes messages from a queue of ${service}`,
      own('queue_consumers', 'Minimum'),
      { comparison: '<', threshold: 1, periods: 2 },
    )
    this.#alarm('DeadLetters', service, `messages of ${service} were given up`, own('dead_letters', 'Maximum'), {
      comparison: '>',
      threshold: 0,
      periods: 1,
    })
    // What a service tells of its database is missing while that is away.
    this.#alarm(
      'DatabaseAway',
      service,
      `${service} does not reach its database, or its metrics do not arrive`,
      own('outbox_messages', 'SampleCount', { state: 'pending' }),
      { comparison: '<', threshold: 1, periods: 3, missing: 'breaching' },
    )
    this.#alarm(
      'BrokerAway',
      service,
      `${service} has no connection to the broker`,
      own('broker_connected', 'Minimum'),
      { comparison: '<', threshold: 1, periods: 1 },
    )
    this.#alarm(
      'PoolExhausted',
      service,
      `requests of ${service} wait for a database connection`,
      own('database_pool_connections', 'Maximum', { state: 'waiting' }),
      { comparison: '>', threshold: 0, periods: 2 },
    )
    this.#alarm(
      'EventLoopLag',
      service,
      `the event loop of ${service} is late by more than 0.25 s`,
      own('nodejs_eventloop_lag_p99_seconds', 'Maximum'),
      { comparison: '>', threshold: 0.25, periods: 2 },
    )
    this.#alarm(
      'CircuitBreakerOpen',
      service,
      `${service} does not call what it depends on`,
      own('circuit_breaker_state', 'Maximum', { state: 'open' }),
      { comparison: '>', threshold: 0, periods: 2 },
    )
  }

  #watchBusiness(): void {
    const orders = this.#measuredBy('orders')
    const invoices = this.#measuredBy('invoices')
    const partners = this.#measuredBy('partners')
    // CloudWatch gets no percentiles of it, so it is the mean here that must not pass 5 s.
    this.#alarm(
      'InvoicesLate',
      'invoices',
      'invoices come 5 s or longer after their orders',
      invoices('order_invoice_lag_seconds', 'Average'),
      { comparison: '>', threshold: 5, periods: 2 },
    )
    this.#expressionAlarm(
      'InvoicesMissing',
      'invoices',
      'orders are placed and no invoice is issued',
      'IF(FILL(placed, 0) > 0 AND FILL(invoiced, 0) == 0, 1, 0)',
      {
        placed: orders('orders_placed_total', 'Sum'),
        invoiced: invoices('order_invoice_lag_seconds', 'SampleCount'),
      },
      { comparison: '>', threshold: 0, periods: 5 },
    )
    this.#alarm(
      'OrdersPending',
      'orders',
      'more than 20 orders wait for their stock',
      orders('orders', 'Maximum', { status: 'pending' }),
      { comparison: '>', threshold: 20, periods: 5 },
    )
    this.#expressionAlarm(
      'PartnerEventsFailing',
      'partners',
      'more than 5 % of the events of partners are given up',
      '100 * FILL(failed, 0) / (FILL(failed, 0) + FILL(processed, 0))',
      {
        failed: partners('events_failed_total', 'Sum'),
        processed: partners('events_processed_total', 'Sum'),
      },
      { comparison: '>', threshold: 5, period: 300, periods: 2 },
    )
  }

  /** What a service measures itself. */
  #measuredBy(service: string) {
    return metricsOf(metricsNamespace(this.#stack), { service })
  }

  #watchGateway({ loadBalancer, targetGroup }: Gateway): void {
    const front = metricsOf('AWS/ApplicationELB', { LoadBalancer: loadBalancer.arnSuffix })
    this.#expressionAlarm(
      'GatewayErrors',
      'gateway',
      'more than 5 % of all requests are answered with 5xx',
      // What finds no task is no request in the load balancer's count. Where there are none, there is no series.
      '100 * SUM([targets, own]) / SUM([requests, own])',
      {
        targets: front('HTTPCode_Target_5XX_Count', 'Sum'),
        own: front('HTTPCode_ELB_5XX_Count', 'Sum'),
        requests: front('RequestCount', 'Sum'),
      },
      { comparison: '>', threshold: 5, periods: 5 },
    )
    this.#alarm(
      'GatewayUnhealthy',
      'gateway',
      'the load balancer finds a task of the gateway unhealthy',
      front('UnHealthyHostCount', 'Maximum', { TargetGroup: targetGroup.arnSuffix }),
      { comparison: '>', threshold: 0, periods: 5 },
    )
  }

  #watchDatabase(service: string, { instance }: Database, instanceClass: string): void {
    const own = metricsOf('AWS/RDS', { DBInstanceIdentifier: instance.identifier })
    this.#alarm(
      'DatabaseBusy',
      service,
      `the database of ${service} has no processor time left`,
      own('CPUUtilization', 'Average'),
      { comparison: '>', threshold: 90, periods: 15 },
    )
    this.#alarm(
      'DatabaseFull',
      service,
      `the database of ${service} has less than 2 GiB left`,
      own('FreeStorageSpace', 'Minimum'),
      { comparison: '<', threshold: 2 * 2 ** 30, periods: 5 },
    )
    const connections = connectionLimit(instanceClass)
    if (connections === undefined) return
    this.#alarm(
      'DatabaseConnections',
      service,
      `the database of ${service} has hardly a connection left`,
      own('DatabaseConnections', 'Maximum'),
      { comparison: '>', threshold: Math.floor(0.9 * connections), periods: 5 },
    )
  }

  #watchBroker({ name }: Broker): void {
    const own = metricsOf('AWS/AmazonMQ', { Broker: name })
    this.#alarm(
      'BrokerBusy',
      'broker',
      'the broker has no processor time left',
      own('SystemCpuUtilization', 'Average'),
      { comparison: '>', threshold: 90, periods: 15 },
    )
    // At its limit it takes no more messages.
    this.#expressionAlarm(
      'BrokerMemory',
      'broker',
      'the broker uses more than 80 % of the memory at which it stops taking messages',
      '100 * used / allowed',
      { used: own('RabbitMQMemUsed', 'Maximum'), allowed: own('RabbitMQMemLimit', 'Minimum') },
      { comparison: '>', threshold: 80, periods: 5 },
    )
    this.#expressionAlarm(
      'BrokerFull',
      'broker',
      'the broker has less than twice the disk left at which it stops taking messages',
      'free / least',
      { free: own('RabbitMQDiskFree', 'Minimum'), least: own('RabbitMQDiskFreeLimit', 'Maximum') },
      { comparison: '<', threshold: 2, periods: 5 },
    )
  }

  #alarm(
    alert: string,
    subject: string,
    description: string,
    { dimensions, stat, ...metric }: Metric,
    condition: Condition,
  ): void {
    new aws.cloudwatch.MetricAlarm(
      `${subject}-${alert}`,
      {
        ...this.#common(alert, subject, description, condition),
        ...metric,
        dimensions,
        period: condition.period ?? 60,
        ...(/^p\d/.test(stat) ? { extendedStatistic: stat } : { statistic: stat }),
        alarmActions: [this.topic.arn],
        okActions: [this.topic.arn],
      },
      { parent: this },
    )
  }

  #expressionAlarm(
    alert: string,
    subject: string,
    description: string,
    expression: string,
    metrics: Readonly<Record<string, Metric>>,
    condition: Condition,
    actions: 'told' | 'silent' = 'told',
  ): aws.cloudwatch.MetricAlarm {
    return new aws.cloudwatch.MetricAlarm(
      `${subject}-${alert}`,
      {
        ...this.#common(alert, subject, description, condition),
        metricQueries: [
          { id: 'result', label: alert, expression, returnData: true },
          ...Object.entries(metrics).map(([id, { dimensions, ...metric }]) => ({
            id,
            metric: { ...metric, dimensions, period: condition.period ?? 60 },
          })),
        ],
        ...(actions === 'told' ? { alarmActions: [this.topic.arn], okActions: [this.topic.arn] } : {}),
      },
      { parent: this },
    )
  }

  #composite(alert: string, subject: string, description: string, parts: readonly aws.cloudwatch.MetricAlarm[]): void {
    new aws.cloudwatch.CompositeAlarm(
      `${subject}-${alert}`,
      {
        alarmName: this.#nameOf(alert, subject),
        alarmDescription: describe(alert, description),
        alarmRule: pulumi
          .all(parts.map(part => part.name))
          .apply(names => names.map(part => `ALARM("${part}")`).join(' AND ')),
        alarmActions: [this.topic.arn],
        okActions: [this.topic.arn],
      },
      { parent: this },
    )
  }

  #common(alert: string, subject: string, description: string, { comparison, threshold, periods, missing }: Condition) {
    return {
      name: this.#nameOf(alert, subject),
      alarmDescription: describe(alert, description),
      comparisonOperator: comparisons[comparison],
      threshold,
      evaluationPeriods: periods,
      treatMissingData: missing ?? 'notBreaching',
    }
  }

  #nameOf(alert: string, subject: string): string {
    return `feira-${this.#stack}-${alert}-${subject}`
  }
}

/** Metrics of one subject, by their names. */
function metricsOf(namespace: string, subject: Dimensions) {
  return (metricName: string, stat: string, more: Dimensions = {}): Metric => ({
    namespace,
    metricName,
    dimensions: { ...subject, ...more },
    stat,
  })
}

/** Of AWS's own services; those of Feira have the alerts of docker/prometheus/rules. */
const alertsOfAws = [
  'ScaledToLimit',
  'GatewayUnhealthy',
  'DatabaseBusy',
  'DatabaseFull',
  'DatabaseConnections',
  'BrokerBusy',
  'BrokerMemory',
  'BrokerFull',
]

function describe(alert: string, description: string): string {
  const page = alertsOfAws.includes(alert)
    ? `infra/RUNBOOK.md#${alert.toLowerCase()}`
    : `docs/runbooks/${kebab(alert)}.md`
  return `${description.charAt(0).toUpperCase()}${description.slice(1)}. Runbook: ${page}`
}

function kebab(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, letter => `-${letter}`).toLowerCase()
}
