import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LocalSystem } from './harness/local-system.ts'
import { runCollection, type Collection, type Sent } from './harness/postman.ts'
import { root } from './harness/program.ts'
import { serviceNames } from './harness/service-process.ts'

const read = (path: string): unknown => JSON.parse(readFileSync(join(root, 'docs/api', path), 'utf8'))

test('npm run docs has written what the code says', { timeout: 120_000 }, async () => {
  const checking = promisify(execFile)(process.execPath, ['local/src/docs/run.ts', '--check'], { cwd: root })
  await expect(checking).resolves.toEqual({ stdout: '', stderr: '' })
})

describe('what is documented in docs/api is so in a running system', () => {
  let system: LocalSystem

  beforeAll(async () => {
    system = await LocalSystem.create()
    await system.start()
  }, 90_000)
  afterAll(() => system?.destroy())

  test.each(serviceNames)('%s describes itself as its file does', async name => {
    const port = system.ports[`${name.toUpperCase()}_PORT`]
    const answer = await fetch(`http://127.0.0.1:${port}/docs/json`)
    expect(await answer.json()).toEqual(read(`${name}.openapi.json`))
  })

  test(
    'the Postman collection runs from top to bottom, and what it says of headers holds',
    { timeout: 180_000 },
    async () => {
      const collection = read('feira.postman_collection.json') as Collection
      const claims = new Claims()
      const failures: string[] = []
      let sent = 0
      for await (const request of runCollection(collection, { baseUrl: system.url }, each => claims.tryBefore(each))) {
        failures.push(...request.failures.map(failure => `${request.name}: ${failure}`))
        await claims.tryAfter(request)
        sent++
      }
      expect(failures).toEqual([])
      expect(sent).toBe(collection.item.flatMap(folder => folder.item).length - 1)
      expect(claims.broken).toEqual([])
      expect(claims.kept['If-Match']).toBeGreaterThan(10)
      expect(claims.kept['Idempotency-Key']).toBeGreaterThan(15)
      expect(claims.kept['If-None-Match']).toBeGreaterThan(7)
    },
  )
})

/** What a documented header promises, tried on every request that has it. */
class Claims {
  readonly kept = { 'If-Match': 0, 'If-None-Match': 0, 'Idempotency-Key': 0 }
  readonly broken: string[] = []

  async tryBefore({ name, headers, again }: Pick<Sent, 'name' | 'headers' | 'again'>): Promise<void> {
    if (!headers.has('If-Match')) return
    const { status, text } = await again({ 'If-Match': '"not-this-one"' })
    this.#note('If-Match', status === 412 && text.includes('"precondition-failed"'), `${name}: ${status} ${text}`)
  }

  async tryAfter({ name, answer, headers, again }: Sent): Promise<void> {
    if (headers.has('Idempotency-Key') && answer.status < 300) {
      const { status, headers: told } = await again()
      const replayed = told.get('idempotency-replayed') === 'true'
      this.#note('Idempotency-Key', replayed && status === answer.status, `${name}: ${status}, replayed: ${replayed}`)
    }
    if (headers.has('If-None-Match')) {
      const etag = answer.headers.get('etag') ?? 'none'
      const { status } = await again({ 'If-None-Match': etag })
      this.#note('If-None-Match', status === 304, `${name}: ${status} for the ETag ${etag}`)
    }
  }

  #note(header: keyof Claims['kept'], holds: boolean, what: string): void {
    if (holds) this.kept[header]++
    else this.broken.push(`${header} of ${what}`)
  }
}
