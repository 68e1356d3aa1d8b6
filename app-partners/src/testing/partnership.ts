import type { Environment } from '@feira/chassis'
import { asAdmin, startTestService, type TestService } from '@feira/chassis/testing'
import { service } from '../service.ts'

type Headers = Readonly<Record<string, string>>
type Answer = Awaited<ReturnType<TestService['http']['inject']>>

/** The service with admins who look after partners, for tests. */
export interface Partnership extends TestService {
  /** A request of an admin. */
  admin(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object, headers?: Headers): Promise<Answer>
  /** Adds a partner. @returns its id. */
  create(fields?: object): Promise<string>
  /** Gives a partner a key. @returns its id, and the headers of a request with it. */
  giveKey(partnerId: string): Promise<{ readonly id: string; readonly headers: { readonly 'x-api-key': string } }>
  /** A request to a route for partners. */
  call(headers: Headers): Promise<Answer>
  sql<Row extends Record<string, unknown>>(text: string, ...values: unknown[]): Promise<Row[]>
}

export async function openPartnership(env: Environment = {}): Promise<Partnership> {
  const running = await startTestService(service, env)
  const { http, resources } = running
  const admin: Partnership['admin'] = (method, url, payload, headers = {}) =>
    http.inject({ method, url, headers: { ...asAdmin(), ...headers }, ...(payload ? { payload } : {}) })
  return {
    ...running,
    admin,
    async create(fields = {}) {
      const answer = await admin('POST', '/partners', { name: 'Mercado Bom', ...fields })
      if (answer.statusCode !== 201) throw new Error(answer.body)
      return answer.json<{ id: string }>().id
    },
    async giveKey(partnerId) {
      const answer = await admin('POST', `/partners/${partnerId}/keys`)
      if (answer.statusCode !== 201) throw new Error(answer.body)
      const { id, key } = answer.json<{ id: string; key: string }>()
      return { id, headers: { 'x-api-key': key } }
    },
    call: headers => http.inject({ url: '/events', headers }),
    sql: async <Row extends Record<string, unknown>>(text: string, ...values: unknown[]) =>
      (await resources.query<Row>({ text, values })).rows,
  }
}

/** All that a database holds, as text. */
export async function everything({ sql }: Pick<Partnership, 'sql'>): Promise<string> {
  const tables = await sql<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_schema in ('public', 'chassis') and table_type = 'BASE TABLE'`,
  )
  const texts = await Promise.all(
    tables.map(({ name }) => sql(`select '${name}' as t, to_jsonb(r) as r from ${name} r`)),
  )
  return JSON.stringify(texts)
}
