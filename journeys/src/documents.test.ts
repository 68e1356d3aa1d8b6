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
    const port = system.ports[`${name.toUpperCase()}_PORT` as keyof typeof system.ports]
    const answer = await fetch(`http://127.0.0.1:${port}/docs/json`)
    expect(await answer.json()).toEqual(read(`${name}.openapi.json`))
  })

  test(
    'the Postman collection runs from top to bottom, and what it says of headers holds',
    { timeout: 180_000 },
    async () => {
      const collection = read('feira.postman_collection.json') as Collection
      const seen = { requests: 0, changed: 0, repeated: 0, unchanged: 0 }
      const before = async ({ name, headers, again }: Pick<Sent, 'name' | 'headers' | 'again'>) => {
        if (!headers.has('If-Match')) return
        const { status, text } = await again({ 'If-Match': '"not-this-one"' })
        expect([name, status, text]).toEqual([name, 412, expect.stringContaining('"precondition-failed"')])
        seen.changed++
      }
      for await (const sent of runCollection(collection, { baseUrl: system.url }, before)) {
        const { name, answer, failures, headers } = sent
        expect([name, ...failures]).toEqual([name])
        seen.requests++
        if (headers.has('Idempotency-Key') && answer.status < 300) {
          const { status, headers: told } = await sent.again()
          expect([name, status, told.get('idempotency-replayed')]).toEqual([name, answer.status, 'true'])
          seen.repeated++
        }
        if (headers.has('If-None-Match')) {
          const { status } = await sent.again({ 'If-None-Match': answer.headers.get('etag') ?? 'no ETag' })
          expect([name, status]).toEqual([name, 304])
          seen.unchanged++
        }
      }
      const items = collection.item.flatMap(folder => folder.item)
      expect(seen.requests).toBe(items.length - 1)
      expect(seen.changed).toBeGreaterThan(10)
      expect(seen.repeated).toBeGreaterThan(15)
      expect(seen.unchanged).toBeGreaterThan(7)
    },
  )
})
