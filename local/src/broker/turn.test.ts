import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { forgetfulJournal } from './journal.ts'
import { Turn } from './turn.ts'

test('the log is written once per turn, before anything is sent', async () => {
  const happened: string[] = []
  const turn = new Turn({ ...forgetfulJournal(), flush: () => happened.push('log') })
  const sender = (name: string) => ({ flush: () => happened.push(name) })
  const [one, two] = [sender('one'), sender('two')]
  turn.join(one)
  turn.touch()
  turn.join(two)
  turn.join(one)
  expect(happened).toEqual([])
  await setImmediate()
  expect(happened).toEqual(['log', 'one', 'two'])
})

test('nothing is sent when the log cannot be written, and everything once it can', () => {
  const happened: string[] = []
  let full = true
  const flush = () => {
    if (full) throw new Error('ENOSPC')
    happened.push('log')
  }
  const turn = new Turn({ ...forgetfulJournal(), flush })
  turn.join({ flush: () => happened.push('sent') })
  expect(() => turn.finish()).toThrow('ENOSPC')
  expect(happened).toEqual([])
  full = false
  turn.finish()
  expect(happened).toEqual(['log', 'sent'])
})
