import { newId } from '@feira/chassis'
import { asAdmin, startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import { service } from '../service.ts'

type Rows = Awaited<ReturnType<TestService['resources']['query']>>['rows']
type Answer = Awaited<ReturnType<TestService['http']['inject']>>

/** A message of a burst; with an empty id it has none. */
export interface Sent {
  readonly id?: string
  /** `order.created` when absent. */
  readonly type?: string
  readonly data: object
}

/** The service of a test, with what tests do to it. */
export interface Invoicing extends TestService {
  sql(text: string, ...values: unknown[]): Promise<Rows>
  /** Sends messages in one burst. */
  burst(messages: readonly Sent[]): Promise<void>
  /** Waits until so many messages were handled since the tables were emptied. */
  settled(count: number): Promise<void>
  /** The numbers that were given, in their order. */
  numbers(): Promise<string[]>
  deadLetters(): Promise<Rows>
  /** A request of an admin about dead letters. */
  ops(method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object): Promise<Answer>
  /** Has the database refuse to store invoices of 666 cents, with what a line of PL/pgSQL says. */
  failOn666(line: string): Promise<void>
  /** Empties the tables of the service and the chassis, and stops failing. */
  clear(): Promise<void>
}

export async function openInvoicing(env: Record<string, string> = { INVOICE_TIMEZONE: 'UTC' }): Promise<Invoicing> {
  const running = await startTestService(service, { OUTBOX_POLL_INTERVAL: '20ms', ...env })
  const sql: Invoicing['sql'] = async (text, ...values) => (await running.resources.query({ text, values })).rows
  return {
    ...running,
    sql,
    burst: messages => burst(sql, messages),
    async settled(count) {
      const handled = async () => (await sql('select 1 from chassis.processed_messages')).length
      await waitUntil(`${count} messages are handled`, async () => (await handled()) === count)
    },
    async numbers() {
      const rows = await sql('select number from invoices order by length(number), number')
      return rows.map(({ number }) => String(number))
    },
    deadLetters: () => sql('select * from chassis.dead_letters order by id'),
    ops(method, path, payload) {
      const url = `/ops/dead-letters${path}`
      return running.http.inject({ method, url, headers: asAdmin(), ...(payload ? { payload } : {}) })
    },
    async failOn666(line) {
      await sql('create sequence attempts')
      await sql(`create function fail() returns trigger language plpgsql as $$
        begin if new.total_cents = 666 then ${line} end if; return new; end $$`)
      await sql('create trigger fail before insert on invoices for each row execute function fail()')
    },
    async clear() {
      await sql('drop function if exists fail cascade; drop sequence if exists attempts')
      await sql(`truncate invoices, invoice_counters, invoice_marks, invoice_totals, chassis.outbox,
        chassis.processed_messages, chassis.dead_letters`)
    },
  }
}

async function burst(sql: Invoicing['sql'], messages: readonly Sent[]): Promise<void> {
  await sql(
    `insert into chassis.outbox (id, message_id, type, aggregate_type, aggregate_id, payload, headers)
     select id, message_id, type, 'order', coalesce(payload ->> 'orderId', ''), payload, '{}'
     from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[]) as t (id, message_id, type, payload)`,
    messages.map(() => newId()),
    messages.map(({ id }) => id),
    messages.map(({ type }) => type ?? 'order.created'),
    messages.map(({ data }) => JSON.stringify(data)),
  )
}

/** The numbers of this year without gaps. */
export function numbersTo(last: number): string[] {
  const year = new Date().getUTCFullYear()
  return Array.from({ length: last }, (_, index) => `${year}-${String(index + 1).padStart(6, '0')}`)
}

/** How many deliveries ended so in an instance of the service. */
export async function outcomes({ resources }: Pick<TestService, 'resources'>, ...wanted: string[]): Promise<number> {
  const metric = await resources.metrics.getSingleMetric('messages_handled_total')?.get()
  const found = metric?.values.filter(({ labels }) => wanted.includes(String(labels['outcome']))) ?? []
  return found.reduce((sum, { value }) => sum + value, 0)
}
