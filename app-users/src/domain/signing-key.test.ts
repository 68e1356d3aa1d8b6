import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dueKey, earlyKey, publishedKeys, signingKey, type KeyPolicy, type KeyTimes } from './signing-key.ts'

const minute = 60_000
const policies = fc
  .record({
    lifetime: fc.integer({ min: 60, max: 10_000 }),
    notice: fc.integer({ min: 0, max: 30 }),
    tokenLifetime: fc.integer({ min: 1, max: 120 }),
  })
  .map(({ lifetime, notice, tokenLifetime }): KeyPolicy => ({
    lifetime: lifetime * minute,
    notice: notice * minute,
    tokenLifetime: tokenLifetime * minute,
  }))
/** Minutes until the next look, and whether an operator wants a new key then. */
const looks = fc.array(fc.record({ pause: fc.integer({ min: 1, max: 2_000 }), early: fc.boolean() }), { maxLength: 40 })

/** What a service does over time: looks now and then, makes what is due, drops what nobody needs. */
function* live(policy: KeyPolicy, plan: readonly { pause: number; early: boolean }[]) {
  let keys: KeyTimes[] = []
  let now = new Date(0)
  for (const { pause, early } of [{ pause: 0, early: false }, ...plan]) {
    now = new Date(now.getTime() + pause * minute)
    const signsFrom = dueKey(keys, now, policy) ?? (early ? earlyKey(keys, now, policy) : undefined)
    const before = keys
    if (signsFrom) keys = [...keys, { kid: `key-${now.getTime()}`, signsFrom }]
    keys = publishedKeys(keys, now, policy)
    yield { before, keys, now }
  }
}

test('there is always a key that signs, and it was published for its notice before', () => {
  fc.assert(
    fc.property(policies, looks, (policy, plan) => {
      const publishedAt = new Map<string, Date>()
      for (const { keys, now } of live(policy, plan)) {
        for (const { kid } of keys) if (!publishedAt.has(kid)) publishedAt.set(kid, now)
        const signing = signingKey(keys, now)
        expect(signing).toBeDefined()
        const { kid, signsFrom } = signing as KeyTimes
        expect(signsFrom.getTime()).toBeLessThanOrEqual(now.getTime())
        // The first cannot be announced: nobody holds an older key set.
        const notice = signsFrom.getTime() - (publishedAt.get(kid) as Date).getTime()
        expect(kid === 'key-0' || notice >= policy.notice).toBe(true)
      }
    }),
  )
})

test('a key stays published until the last token that it signed has expired', () => {
  fc.assert(
    fc.property(policies, looks, (policy, plan) => {
      const lastSigned = new Map<string, number>()
      for (const { before, keys, now } of live(policy, plan)) {
        const valid = [...lastSigned].filter(([, at]) => at + policy.tokenLifetime >= now.getTime()).map(([kid]) => kid)
        expect(keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining(valid))
        // Whoever signed since the last look did so with what was known then.
        for (const known of [before, keys]) {
          const signing = signingKey(known, now)
          if (signing) lastSigned.set(signing.kid, now.getTime())
        }
      }
    }),
  )
})

test('keys do not pile up', () => {
  const policy = { lifetime: 60 * minute, notice: 15 * minute, tokenLifetime: 10 * minute }
  const plan = Array.from({ length: 1_000 }, () => ({ pause: 5, early: true }))
  for (const { keys } of live(policy, plan)) expect(keys.length).toBeLessThanOrEqual(3)
})
