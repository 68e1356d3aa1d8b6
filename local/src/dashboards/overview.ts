import { serviceVariable, sourceVariable, type Dashboard } from './dashboard.ts'
import { figure, graph, table } from './panels.ts'

const chosen = 'service=~"$service"'
const noProbes = 'route!~"(.*/)?(live|ready|health|metrics)"'

/** How well customers are served: rate, errors, durations, and the connections to the databases. */
export const overview: Dashboard = {
  uid: 'feira-overview',
  title: 'Application overview',
  description: 'How well customers are served, service by service. Probes and scrapes are left out.',
  variables: [sourceVariable('prometheus'), serviceVariable(true)],
  rows: [
    {
      height: 4,
      panels: [
        figure('Processes up', { unit: 'none', queries: [['sum(up{job="services"})', 'up']] }),
        figure('Alerts firing', {
          unit: 'none',
          queries: [['count(ALERTS{alertstate="firing"}) or vector(0)', 'firing']],
          alarming: 1,
        }),
        figure('Requests', { unit: 'reqps', queries: [[`sum(service:http_requests:rate5m{${chosen}})`, 'requests']] }),
        figure('Errors', {
          unit: 'percentunit',
          queries: [
            [
              `sum(service:http_errors:rate5m{${chosen}}) / (sum(service:http_requests:rate5m{${chosen}}) > 0) or vector(0)`,
              'errors',
            ],
          ],
          alarming: 0.05,
        }),
        figure('Slowest p95', {
          unit: 's',
          queries: [[`max(service:http_request_duration_seconds:p95_5m{${chosen}})`, 'p95']],
          alarming: 1,
        }),
        figure('In flight', { unit: 'none', queries: [[`sum(http_requests_in_flight{${chosen}})`, 'requests']] }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Requests', {
          unit: 'reqps',
          queries: [
            [
              `sum by (service) (rate(http_request_duration_seconds_count{${chosen}, ${noProbes}}[$__rate_interval]))`,
              '{{service}}',
            ],
          ],
          stack: true,
        }),
        graph('Errors', {
          unit: 'percentunit',
          description: 'The share of requests answered 5xx in the last 5 minutes. 5 % for 5 minutes is an alert.',
          queries: [
            [`service:http_errors:rate5m{${chosen}} / (service:http_requests:rate5m{${chosen}} > 0)`, '{{service}}'],
          ],
          alarming: 0.05,
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Duration, p95', {
          unit: 's',
          description: 'Over the last 5 minutes. 1 s for 5 minutes is an alert.',
          queries: [[`service:http_request_duration_seconds:p95_5m{${chosen}}`, '{{service}}']],
          alarming: 1,
        }),
        graph('Duration, p99', {
          unit: 's',
          queries: [[`service:http_request_duration_seconds:p99_5m{${chosen}}`, '{{service}}']],
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Answers by status', {
          unit: 'reqps',
          queries: [
            [
              `sum by (status) (rate(http_request_duration_seconds_count{${chosen}, ${noProbes}}[$__rate_interval]))`,
              '{{status}}',
            ],
          ],
          stack: true,
        }),
        graph('Database connections', {
          unit: 'none',
          description: 'Of each pool: those in use. Who waits for one is an alert after 2 minutes.',
          queries: [
            [
              `sum by (service) (database_pool_connections{${chosen}, state="total"}) - sum by (service) (database_pool_connections{${chosen}, state="idle"})`,
              '{{service}} in use',
            ],
            [`sum by (service) (database_pool_connections{${chosen}, state="waiting"})`, '{{service}} waiting'],
          ],
        }),
      ],
    },
    {
      height: 9,
      panels: [
        table('Routes', {
          description: 'Over the last 5 minutes.',
          columns: [
            {
              title: 'p95',
              unit: 's',
              expr: `histogram_quantile(0.95, sum by (service, method, route, le) (rate(http_request_duration_seconds_bucket{${chosen}, ${noProbes}}[5m]))) > 0`,
            },
            {
              title: 'Requests',
              unit: 'reqps',
              expr: `sum by (service, method, route) (rate(http_request_duration_seconds_count{${chosen}, ${noProbes}}[5m])) > 0`,
            },
          ],
        }),
      ],
    },
  ],
}
