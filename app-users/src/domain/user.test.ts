import fc from 'fast-check'
import { expect, test } from 'vitest'
import { changed, endsSessions, locales, losesAdmin, newUser, roles, statuses, type User } from './user.ts'

const fields = {
  name: fc.string(),
  email: fc.emailAddress(),
  role: fc.constantFrom(...roles),
  status: fc.constantFrom(...statuses),
  locale: fc.constantFrom(...locales),
  passwordHash: fc.constantFrom('$argon2id$a', '$argon2id$b'),
}
const user = fc.record(fields).map(given => newUser({ id: 'a', ...given }, new Date(0)))
const changes = fc.record(fields, { requiredKeys: [] })

test('a change is visible, makes exactly one version, and making it again makes none', () => {
  fc.assert(
    fc.property(user, changes, (before, wanted) => {
      const after = changed(before, wanted, new Date(1))
      expect(after).toMatchObject(wanted)
      const differs = Object.entries(wanted).some(([field, value]) => before[field as keyof User] !== value)
      expect(after.version).toBe(before.version + (differs ? 1 : 0))
      expect(after.updatedAt).toEqual(differs ? new Date(1) : before.updatedAt)
      expect(changed(after, wanted, new Date(2))).toBe(after)
    }),
  )
})

test('what is undefined stays as it is', () => {
  fc.assert(
    fc.property(user, before => {
      expect(changed(before, { name: undefined }, new Date(1))).toBe(before)
    }),
  )
})

test('an admin is lost by deletion, blocking and another role, and only if it could act', () => {
  fc.assert(
    fc.property(user, changes, (before, wanted) => {
      const could = before.role === 'admin' && before.status === 'active'
      expect(losesAdmin(before, undefined)).toBe(could)
      const after = changed(before, wanted, new Date(1))
      expect(losesAdmin(before, after)).toBe(could && (after.role !== 'admin' || after.status !== 'active'))
    }),
  )
})

test('sessions end with another password and with blocking', () => {
  const ana = newUser({ id: 'a', name: 'Ana', email: 'ana@example.com', passwordHash: 'x' }, new Date(0))
  expect(endsSessions(ana, changed(ana, { status: 'blocked' }, new Date(1)))).toBe(true)
  expect(endsSessions(ana, changed(ana, { passwordHash: 'y' }, new Date(1)))).toBe(true)
  expect(endsSessions(ana, changed(ana, { name: 'Bea', role: 'admin' }, new Date(1)))).toBe(false)
})
