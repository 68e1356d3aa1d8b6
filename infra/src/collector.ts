import * as pulumi from '@pulumi/pulumi'
import { alarmMetrics } from './alarms/metrics.ts'
import { FargateService } from './fargate-service.ts'
import { FargateTask } from './fargate-task.ts'
import { logGroup } from './log-group.ts'
import { arnsIn } from './place.ts'
import { metricsNamespace, type Platform } from './platform.ts'
import { allowOutside } from './security-group.ts'
import { ServiceSecret } from './service-secret.ts'

export const otlpPort = 4_318

/**
 * Takes traces by OTLP and asks every task for its metrics. All of it goes to Grafana Cloud, where that is configured;
 * the few metrics that alarms and auto-scaling need go to CloudWatch.
 */
export class Collector extends pulumi.ComponentResource {
  readonly task: FargateTask
  readonly url = `http://collector:${otlpPort}`

  constructor(name: string, platform: Platform, options: pulumi.ComponentResourceOptions) {
    super('feira:infra:Collector', name, {}, options)
    const child = { parent: this }
    const { config, stack, cluster } = platform
    const arn = arnsIn(platform.place)
    const metricsLog = logGroup(`${name}-metrics`, `/feira/${stack}/metrics`, platform.logging, child)

    const grafana =
      config.grafanaEndpoint === undefined || config.grafanaToken === undefined
        ? undefined
        : { endpoint: config.grafanaEndpoint, token: config.grafanaToken }
    this.task = new FargateTask(
      name,
      {
        platform,
        // The distribution by AWS, from a registry that does not count pulls.
        image: 'public.ecr.aws/aws-observability/aws-otel-collector:v0.50.0',
        size: config.collector,
        port: otlpPort,
        environment: {
          AOT_CONFIG_CONTENT: pulumi
            .all([cluster.name, metricsLog.name, platform.place.region])
            .apply(([clusterName, logGroupName, regionName]) =>
              JSON.stringify(
                collectorConfig({ stack, clusterName, logGroupName, region: regionName, endpoint: grafana?.endpoint }),
              ),
            ),
        },
        ...(grafana === undefined
          ? {}
          : {
              secret: new ServiceSecret(
                name,
                stack,
                {
                  GRAFANA_AUTHORIZATION: grafana.token.apply(
                    token => `Basic ${Buffer.from(`${config.grafanaInstance}:${token}`).toString('base64')}`,
                  ),
                },
                platform.keyArn,
                child,
              ),
            }),
        health: ['CMD', '/healthcheck'],
        writable: [targetsFolder],
        permissions: [
          {
            actions: ['ecs:ListServices', 'ecs:ListTasks', 'ecs:DescribeTaskDefinition'],
            resources: ['*'],
            because: 'BecauseTheseCallsKnowNoResource',
          },
          {
            actions: ['ecs:DescribeServices', 'ecs:DescribeTasks'],
            resources: [
              arn('ecs', pulumi.interpolate`service/${cluster.name}/*`),
              arn('ecs', pulumi.interpolate`task/${cluster.name}/*`),
            ],
            because: 'BecauseItAsksEveryTaskOfTheCluster',
          },
          {
            actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
            resources: [metricsLog.arn, pulumi.interpolate`${metricsLog.arn}:log-stream:*`],
            because: 'BecauseItNamesItsStreamsItself',
          },
        ],
      },
      child,
    )
    allowOutside({ name, group: this.task.group }, 443, { parent: this.task })
    new FargateService(
      name,
      {
        platform,
        task: this.task,
        port: otlpPort,
        // To this name docker/kong/kong.yml sends the gateway's traces.
        alias: 'collector',
        // Two count every task twice, as they do for a moment while one replaces the other.
        count: { min: 1, max: 1 },
      },
      child,
    )
    this.registerOutputs({})
  }
}

const targetsFolder = '/etc/feira'

interface CollectorSettings {
  readonly stack: string
  readonly clusterName: string
  readonly logGroupName: string
  readonly region: string
  readonly endpoint: string | undefined
}

/** https://opentelemetry.io/docs/collector/configuration/ */
export function collectorConfig({ stack, clusterName, logGroupName, region, endpoint }: CollectorSettings) {
  const targets = `${targetsFolder}/targets.yaml`
  const toGrafana = { processors: ['memory_limiter', 'batch'], exporters: ['otlphttp/grafana'] }
  return {
    extensions: {
      health_check: { endpoint: '0.0.0.0:13133' },
      ecs_observer: {
        refresh_interval: '15s',
        cluster_name: clusterName,
        cluster_region: region,
        result_file: targets,
        docker_labels: [
          { port_label: 'FEIRA_METRICS_PORT', metrics_path_label: 'FEIRA_METRICS_PATH', job_name: 'services' },
        ],
      },
    },
    receivers: {
      otlp: { protocols: { http: { endpoint: `0.0.0.0:${otlpPort}` } } },
      prometheus: {
        config: {
          scrape_configs: [
            {
              job_name: 'tasks',
              scrape_interval: '30s',
              // As in docker/prometheus/prometheus.yml: a service names itself.
              honor_labels: true,
              file_sd_configs: [{ files: [targets], refresh_interval: '15s' }],
              relabel_configs: [
                { source_labels: ['__meta_ecs_container_labels_FEIRA_SERVICE'], target_label: 'service' },
              ],
            },
          ],
        },
      },
    },
    processors: {
      memory_limiter: { check_interval: '1s', limit_percentage: 75, spike_limit_percentage: 20 },
      batch: { send_batch_size: 1_000, timeout: '5s' },
      'filter/alarms': {
        error_mode: 'ignore',
        metrics: {
          metric: [`not IsMatch(name, "^(${alarmMetrics.map(({ name }) => name).join('|')})$")`],
          datapoint: alarmMetrics
            .filter(({ except }) => except !== undefined)
            .map(({ name, except }) => `metric.name == "${name}" and ${except}`),
        },
      },
      // CloudWatch adds up what it is sent, so it is sent what came since it was last.
      cumulativetodelta: {},
      'filter/idle': {
        error_mode: 'ignore',
        metrics: { datapoint: ['metric.type == METRIC_DATA_TYPE_HISTOGRAM and count == 0'] },
      },
    },
    exporters: {
      // CloudWatch, by its embedded metric format.
      awsemf: {
        region,
        namespace: metricsNamespace(stack),
        log_group_name: logGroupName,
        log_stream_name: 'collector',
        dimension_rollup_option: 'NoDimensionRollup',
        // Tasks of one service differ in what is said of them, and in nothing else: without it one would hide the other.
        resource_to_telemetry_conversion: { enabled: true },
        metric_declarations: alarmMetrics.map(({ name, dimensions, only }) => ({
          dimensions: [dimensions],
          metric_name_selectors: [`^${name}$`],
          ...(only === undefined ? {} : { label_matchers: [{ label_names: [only.label], regex: `^${only.value}$` }] }),
        })),
      },
      ...(endpoint === undefined
        ? {}
        : {
            'otlphttp/grafana': {
              endpoint,
              headers: { Authorization: '${env:GRAFANA_AUTHORIZATION}' },
              sending_queue: { queue_size: 500 },
            },
          }),
    },
    service: {
      extensions: ['health_check', 'ecs_observer'],
      pipelines: {
        ...(endpoint === undefined
          ? {}
          : {
              traces: { receivers: ['otlp'], ...toGrafana },
              metrics: { receivers: ['prometheus'], ...toGrafana },
            }),
        'metrics/alarms': {
          receivers: ['prometheus'],
          processors: ['memory_limiter', 'filter/alarms', 'cumulativetodelta', 'filter/idle', 'batch'],
          exporters: ['awsemf'],
        },
      },
    },
  }
}
