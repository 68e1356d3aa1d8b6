import { expect, test } from 'vitest'
import { newAuthor } from '../testing/fixture/authors.ts'
import { orders, processService } from '../testing/fixture/main.ts'
import { note, noteWritten } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { ServiceProcess } from '../testing/fixture/service-process.ts'
import { startTestService, waitUntil } from '../testing/index.ts'

test('what is logged of messages that cannot be handled says nothing of what is in them', async () => {
  await using home = await startTestService(processService)
  await home.stop()
  await using queues = await Queues.of(home.env)
  await using service = await ServiceProcess.start(home.env)
  const { id, email } = newAuthor()
  await queues.publish(noteWritten, note(id, `${orders.clash}${email}`))
  const malformed = [`{"noteId": 5, "body": "${email}"}`, `{"noteId": "${email}"`, JSON.stringify(email)]
  for (const body of malformed)
    await queues.send('notes.on-note', Buffer.from(body), { type: 'note.written', messageId: body.slice(0, 9) })
  const dead = () => service.log.split('message is dead').length - 1
  await waitUntil('all are dead', () => dead() === 4)
  expect(service.log).toContain('duplicate key value violates unique constraint')
  expect(service.log.toLowerCase()).not.toContain(email.toLowerCase())
  expect(service.stderr.toLowerCase()).not.toContain(email.toLowerCase())
})
