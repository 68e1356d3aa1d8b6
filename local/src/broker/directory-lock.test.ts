import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { spawnBroker, temporaryDirectory } from './broker.testing.ts'
import { DirectoryLockedError, lockDirectory } from './directory-lock.ts'

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'])
  await once(child, 'exit')
  return child.pid as number
}

test('a second broker process on the same directory is refused, naming the first', async () => {
  const directory = await temporaryDirectory()
  const first = await spawnBroker(directory)
  await expect(spawnBroker(directory)).rejects.toThrow(`in use by process ${first.process.pid}`)
})

test('a killed broker leaves a directory that the next takes over', async () => {
  const directory = await temporaryDirectory()
  await (await spawnBroker(directory)).kill()
  expect(existsSync(join(directory, 'broker.lock'))).toBe(true)
  await spawnBroker(directory)
})

test('one process cannot lock a directory twice, but again once it gave it back', async () => {
  const directory = await temporaryDirectory()
  const unlock = lockDirectory(directory)
  expect(() => lockDirectory(join(directory, '.'))).toThrow(DirectoryLockedError)
  unlock()
  expect(() => lockDirectory(directory)()).not.toThrow()
})

test.each([
  ['of a process that is gone', async () => JSON.stringify({ pid: await deadPid(), startedAt: '1' })],
  ['of this process id in an earlier life', () => JSON.stringify({ pid: process.pid, startedAt: '1' })],
  ['of this process id where starts are not known', () => JSON.stringify({ pid: process.pid, startedAt: '' })],
  ['that was not written to its end', () => '{"pid":'],
])('a lock %s is taken over', async (_name, content) => {
  const directory = await temporaryDirectory()
  writeFileSync(join(directory, 'broker.lock'), await content())
  expect(() => lockDirectory(directory)()).not.toThrow()
})

test.runIf(process.platform === 'linux')('a lock of another process with the same id is taken over', async () => {
  const directory = await temporaryDirectory()
  const living = spawn(process.execPath, ['-e', 'process.stdin.resume()'])
  onTestFinished(() => void living.kill())
  writeFileSync(join(directory, 'broker.lock'), JSON.stringify({ pid: living.pid, startedAt: 'long ago' }))
  expect(() => lockDirectory(directory)()).not.toThrow()
})
