import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from './broker.testing.ts'
import { LogFile } from './log-file.ts'

async function create(): Promise<LogFile> {
  const log = LogFile.create(join(await temporaryDirectory(), 'test.log'))
  onTestFinished(() => log.close())
  return log
}

function read(path: string): string[] {
  const log = LogFile.open(path)
  onTestFinished(() => log.close())
  return [...log.records()].map(String)
}

test('records of any size come back, in order', async () => {
  const log = await create()
  const records = [1, 100, 1_048_576, 3_000_000, 5].map((size, index) => Buffer.alloc(size, String(index)))
  for (const record of records) log.append(record)
  expect(read(log.path)).toEqual(records.map(String))
})

test('what was torn off is gone for good: records appended after it come back', async () => {
  const { path } = await create()
  const log = LogFile.open(path)
  onTestFinished(() => log.close())
  log.append(Buffer.from('one'))
  appendFileSync(path, Buffer.of(0, 0, 0, 200, 1, 2, 3, 4, 5))
  const torn = LogFile.open(path)
  onTestFinished(() => torn.close())
  expect([...torn.records()].map(String)).toEqual(['one'])
  torn.append(Buffer.from('two'))
  expect(read(path)).toEqual(['one', 'two'])
})
