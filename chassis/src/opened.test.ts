import { expect, test } from 'vitest'
import { openedBy } from './opened.ts'
import type { Resources } from './service.ts'

const running = () => ({ config: {} }) as Resources

test('each running service has its own', () => {
  const [one, other] = [running(), running()]
  const opened = openedBy<string>('openMailbox')
  opened.set(one, 'a')
  opened.set(other, 'b')
  expect([opened.of(one), opened.of(other)]).toEqual(['a', 'b'])
})

test('what no startup has opened is missed by the name of that startup', () => {
  expect(() => openedBy('openMailbox').of(running())).toThrow('openMailbox is not among the startup of this service.')
})
