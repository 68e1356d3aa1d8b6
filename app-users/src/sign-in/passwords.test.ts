import { parseOptions } from '@node-rs/argon2'
import { expect, test } from 'vitest'
import { hashPassword, inTurn, isPassword, nobodysHash } from './passwords.ts'

test('a password is recognised, however its characters were typed, and no other is', async () => {
  const hash = await hashPassword('pão de açúcar')
  expect(await isPassword(hash, 'pão de açúcar'.normalize('NFD'))).toBe(true)
  expect(await isPassword(hash, 'pao de acucar')).toBe(false)
})

test('without a password nothing fits, at the same cost', async () => {
  expect(await isPassword(null, 'anything')).toBe(false)
  expect(await isPassword(undefined, 'anything')).toBe(false)
  // OWASP Password Storage Cheat Sheet; algorithm 2 is Argon2id.
  const cost = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 }
  expect(parseOptions(nobodysHash)).toMatchObject(cost)
  expect(parseOptions(await hashPassword('anything'))).toMatchObject(cost)
})

test('two hash at a time, a hundred wait, and the rest are turned away', async () => {
  let running = 0
  let most = 0
  const gate = Promise.withResolvers<void>()
  const work = () =>
    inTurn(async () => {
      most = Math.max(most, ++running)
      await gate.promise
      running--
    })
  const all = Array.from({ length: 105 }, () => work().then(() => 'done', (error: { code: string }) => error.code)) // prettier-ignore
  gate.resolve()
  const outcomes = await Promise.all(all)
  expect(outcomes.filter(outcome => outcome === 'done')).toHaveLength(102)
  expect(outcomes.filter(outcome => outcome === 'overloaded')).toHaveLength(3)
  expect(most).toBe(2)
  // Work that fails gives its place back, too.
  await expect(inTurn(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await inTurn(() => Promise.resolve('again'))).toBe('again')
})
