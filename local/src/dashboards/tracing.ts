import { serviceVariable, sourceVariable, type Dashboard } from './dashboard.ts'
import { graph, logs, table, trace, traceList } from './panels.ts'

const chosen = 'service="$service"'
const noProbes = 'route!~"(.*/)?(live|ready|health|metrics)"'
const service = 'app-$service'

/** From a service that is slow or fails to the requests that were, and what was logged meanwhile. */
export const tracing: Dashboard = {
  uid: 'feira-tracing',
  title: 'Tracing',
  description:
    'One service: its routes, its traces, its log. Without traces or logs the upper rows still tell which route it is.',
  variables: [
    sourceVariable('prometheus'),
    sourceVariable('jaeger'),
    sourceVariable('loki'),
    serviceVariable(false),
    { type: 'textbox', name: 'traceId', label: 'Trace id', query: '' },
  ],
  rows: [
    {
      height: 9,
      panels: [
        graph('Duration by route, p95', {
          unit: 's',
          queries: [
            [
              `histogram_quantile(0.95, sum by (method, route, le) (rate(http_request_duration_seconds_bucket{${chosen}, ${noProbes}}[$__rate_interval])))`,
              '{{method}} {{route}}',
            ],
          ],
          alarming: 1,
        }),
        table('Routes', {
          description: 'Over the last 5 minutes.',
          columns: [
            {
              title: 'p99',
              unit: 's',
              expr: `histogram_quantile(0.99, sum by (method, route, status, le) (rate(http_request_duration_seconds_bucket{${chosen}, ${noProbes}}[5m]))) > 0`,
            },
            {
              title: 'Requests',
              unit: 'reqps',
              expr: `sum by (method, route, status) (rate(http_request_duration_seconds_count{${chosen}, ${noProbes}}[5m])) > 0`,
            },
          ],
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Time to handle a message, p95', {
          unit: 's',
          queries: [
            [
              `histogram_quantile(0.95, sum by (queue, le) (rate(message_handling_duration_seconds_bucket{${chosen}}[$__rate_interval])))`,
              '{{queue}}',
            ],
          ],
        }),
        traceList('Latest traces', { service }),
      ],
    },
    {
      height: 8,
      panels: [
        traceList('Slow: longer than 500 ms', { service, minDuration: '500ms' }),
        traceList('Failed', { service, tags: 'error=true' }),
      ],
    },
    {
      height: 12,
      panels: [trace('The trace of the id above', '$traceId')],
    },
    {
      height: 10,
      panels: [logs('Log', '{job="feira"} | json | service="$service" | level=~"warn|error|fatal"')],
    },
  ],
}
