import { expect, test } from 'vitest'
import { z } from 'zod'
import { integer } from './config.ts'
import { describeService } from './describe-service.ts'
import { openedBy } from './opened.ts'
import type { App, Resources } from './service.ts'
import { notesService } from './testing/fixture/notes.ts'
import { startTestService } from './testing/index.ts'

interface Config {
  readonly MOST_NOTES: number
}

const counter = openedBy<{ readonly next: (by: number) => number }>('openCounter')
const opening: string[] = []

/** Uses when registered what a service has only when it runs, and a setting in what it documents. */
function writeNote(app: App, resources: Resources<Config>) {
  const { query, groupCommit, cache, config } = resources
  const write = groupCommit({ name: 'notes', columns: { id: 'uuid' }, statements: '' })
  const { next } = counter.of(resources)
  const body = z.object({ notes: z.array(z.string()).max(config.MOST_NOTES) })
  app.post('/notes', { config: { access: ['user'] }, schema: { body } }, async () => ({ query, write, cache, next }))
}

const service = notesService({
  config: { MOST_NOTES: integer(1, 10).default(7) },
  startup: [
    async resources => {
      opening.push('counter')
      counter.set(resources, { next: by => by + 1 })
    },
  ],
  routes: [writeNote],
})

test('a service is described as it describes itself when it runs, and nothing is opened for that', async () => {
  const document = await describeService(service)
  expect(opening).toEqual([])
  expect(document).toMatchObject({
    info: { title: 'notes' },
    paths: { '/notes': { post: { operationId: 'writeNote' } }, '/ops/dead-letters': {} },
    components: { schemas: { WriteNoteBody: { properties: { notes: { maxItems: 7 } } } } },
  })
  await using running = await startTestService(service)
  expect(opening).toEqual(['counter'])
  expect((await running.http.inject('/docs/json')).json()).toEqual(document)
})
