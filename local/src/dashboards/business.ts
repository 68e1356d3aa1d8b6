import { sourceVariable, type Dashboard } from './dashboard.ts'
import { figure, graph } from './panels.ts'

/** What the shop does for its customers and partners. */
export const business: Dashboard = {
  uid: 'feira-business',
  title: 'Business',
  description: 'Orders, invoices, messages under way and events of partners.',
  variables: [sourceVariable('prometheus')],
  rows: [
    {
      height: 4,
      panels: [
        figure('Orders a minute', { unit: 'none', queries: [['sum(rate(orders_placed_total[5m])) * 60', 'orders']] }),
        figure('Orders that wait for stock', {
          unit: 'none',
          queries: [['max(orders{status="pending"})', 'pending']],
          alarming: 21,
        }),
        figure('Orders that wait for payment', {
          unit: 'none',
          queries: [['max(orders{status="reserved"})', 'reserved']],
        }),
        figure('Order to invoice, p95', {
          unit: 's',
          queries: [['histogram_quantile(0.95, sum by (le) (rate(order_invoice_lag_seconds_bucket[5m])))', 'p95']],
          alarming: 5,
        }),
        figure('Messages waiting', {
          unit: 'none',
          queries: [['sum(max by (queue) (queue_messages{kind="work"}))', 'messages']],
        }),
        figure('Dead letters', {
          unit: 'none',
          queries: [['sum(max by (queue) (dead_letters))', 'messages']],
          alarming: 1,
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Orders a minute', {
          unit: 'none',
          queries: [['sum by (kind) (rate(orders_placed_total[$__rate_interval])) * 60', '{{kind}}']],
          stack: true,
        }),
        graph('Orders by state', {
          unit: 'none',
          queries: [['max by (status) (orders)', '{{status}}']],
          stack: true,
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Order to invoice', {
          unit: 's',
          description: 'From the moment of the order to its invoice in the database.',
          queries: [
            ['histogram_quantile(0.5, sum by (le) (rate(order_invoice_lag_seconds_bucket[$__rate_interval])))', 'p50'],
            ['histogram_quantile(0.95, sum by (le) (rate(order_invoice_lag_seconds_bucket[$__rate_interval])))', 'p95'],
          ],
          alarming: 5,
        }),
        graph('Invoices a minute', {
          unit: 'none',
          queries: [['sum(rate(order_invoice_lag_seconds_count[$__rate_interval])) * 60', 'invoices']],
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Queues', {
          unit: 'none',
          description: 'Messages that wait to be handled. 100 for 2 minutes are an alert.',
          queries: [['max by (service, queue) (queue_messages{kind="work"})', '{{queue}}']],
          alarming: 100,
        }),
        graph('Waiting for another attempt', {
          unit: 'none',
          queries: [['max by (service, queue) (queue_messages{kind="retry"})', '{{queue}}']],
        }),
        graph('Dead letters', {
          unit: 'none',
          queries: [['max by (service, queue) (dead_letters)', '{{queue}}']],
          alarming: 1,
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Messages handled', {
          unit: 'cps',
          queries: [['sum by (queue) (rate(messages_handled_total[$__rate_interval]))', '{{queue}}']],
          stack: true,
        }),
        graph('Messages by what became of them', {
          unit: 'cps',
          queries: [['sum by (outcome) (rate(messages_handled_total[$__rate_interval]))', '{{outcome}}']],
        }),
        graph('Time to handle a message, p95', {
          unit: 's',
          queries: [
            [
              'histogram_quantile(0.95, sum by (queue, le) (rate(message_handling_duration_seconds_bucket[$__rate_interval])))',
              '{{queue}}',
            ],
          ],
        }),
      ],
    },
    {
      height: 8,
      panels: [
        graph('Events of partners a minute', {
          unit: 'none',
          queries: [
            ['sum by (type) (rate(events_received_total[$__rate_interval])) * 60', '{{type}} received'],
            ['sum by (type) (rate(events_processed_total[$__rate_interval])) * 60', '{{type}} answered'],
            ['sum by (type) (rate(events_failed_total[$__rate_interval])) * 60', '{{type}} given up'],
          ],
        }),
        graph('Events of partners, time to the answer, p95', {
          unit: 's',
          queries: [
            [
              'histogram_quantile(0.95, sum by (type, le) (rate(processing_duration_seconds_bucket[$__rate_interval])))',
              '{{type}}',
            ],
          ],
        }),
        graph('Clients that follow a timeline', {
          unit: 'none',
          queries: [['sum(timeline_streams)', 'clients']],
        }),
      ],
    },
  ],
}
