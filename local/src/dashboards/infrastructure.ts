import { serviceVariable, sourceVariable, type Dashboard } from './dashboard.ts'
import { graph } from './panels.ts'

const chosen = 'service=~"$service"'

/** What the processes, the outboxes, the caches, the gateway and the broker do. */
export const infrastructure: Dashboard = {
  uid: 'feira-infrastructure',
  title: 'Infrastructure',
  description:
    'Processes, outboxes, caches, gateway and broker. `npm start` runs all services in one process, which each of them shows.',
  variables: [sourceVariable('prometheus'), serviceVariable(true)],
  rows: [
    {
      height: 8,
      panels: [
        graph('Processor', {
          unit: 'percentunit',
          description: 'Of one core.',
          queries: [[`sum by (service) (rate(process_cpu_seconds_total{${chosen}}[$__rate_interval]))`, '{{service}}']],
        }),
        graph('Memory', {
          unit: 'bytes',
          queries: [
            [`sum by (service) (process_resident_memory_bytes{${chosen}})`, '{{service}} resident'],
            [`sum by (service) (nodejs_heap_size_used_bytes{${chosen}})`, '{{service}} heap'],
          ],
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Event loop, p99 of its lateness', {
          unit: 's',
          queries: [[`max by (service) (nodejs_eventloop_lag_p99_seconds{${chosen}})`, '{{service}}']],
          alarming: 0.25,
        }),
        graph('Garbage collection', {
          unit: 'percentunit',
          description: 'The share of time that it takes.',
          queries: [
            [
              `sum by (service, kind) (rate(nodejs_gc_duration_seconds_sum{${chosen}}[$__rate_interval]))`,
              '{{service}} {{kind}}',
            ],
          ],
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Outbox, messages', {
          unit: 'none',
          queries: [[`max by (service, state) (outbox_messages{${chosen}})`, '{{service}} {{state}}']],
        }),
        graph('Outbox, age of the oldest', {
          unit: 's',
          queries: [[`max by (service) (outbox_oldest_seconds{${chosen}})`, '{{service}}']],
          alarming: 30,
        }),
        graph('Messages published', {
          unit: 'cps',
          queries: [
            [
              `sum by (service, outcome) (rate(messages_published_total{${chosen}}[$__rate_interval]))`,
              '{{service}} {{outcome}}',
            ],
          ],
          stack: true,
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Cache, share of hits', {
          unit: 'percentunit',
          queries: [
            [
              `sum by (service) (rate(cache_answers_total{${chosen}, result="hit"}[5m])) / sum by (service) (rate(cache_answers_total{${chosen}}[5m]))`,
              '{{service}}',
            ],
          ],
        }),
        graph('Circuit breakers that are open', {
          unit: 'none',
          queries: [
            [`max by (service, name) (circuit_breaker_state{${chosen}, state="open"})`, '{{service}} {{name}}'],
          ],
          alarming: 1,
        }),
        graph('Runs of jobs', {
          unit: 'cps',
          queries: [
            [
              `sum by (service, job, outcome) (rate(job_runs_total{${chosen}}[$__rate_interval]))`,
              '{{service}} {{job}} {{outcome}}',
            ],
          ],
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Connection to the broker', {
          unit: 'none',
          queries: [[`min by (service) (broker_connected{${chosen}})`, '{{service}}']],
        }),
        graph('RabbitMQ, messages', {
          unit: 'none',
          queries: [
            ['sum(rabbitmq_queue_messages_ready)', 'ready'],
            ['sum(rabbitmq_queue_messages_unacked)', 'unacknowledged'],
          ],
        }),
        graph('RabbitMQ, memory', {
          unit: 'bytes',
          queries: [
            ['sum(rabbitmq_process_resident_memory_bytes)', 'resident'],
            ['sum(rabbitmq_resident_memory_limit_bytes)', 'limit'],
          ],
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Gateway, answers', {
          unit: 'reqps',
          queries: [['sum by (code) (rate(kong_http_requests_total[$__rate_interval]))', '{{code}}']],
          stack: true,
        }),
        graph('Gateway, p95 of what it adds', {
          unit: 'ms',
          queries: [
            ['histogram_quantile(0.95, sum by (le) (rate(kong_kong_latency_ms_bucket[$__rate_interval])))', 'gateway'],
          ],
        }),
      ],
    },
  ],
}
