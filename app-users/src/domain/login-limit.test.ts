import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressKey, perAddress, perPair, waitFor, window, withFailure, type Failures } from './login-limit.ts'

interface Try {
  readonly pause: number
  readonly address: string
}

/** Wrong passwords for one account from some addresses; yields the times of those that could be tried. */
function attack(tries: readonly Try[], known: ReadonlySet<string> = new Set()) {
  const pairs = new Map<string, Failures>()
  const addresses = new Map<string, Failures>()
  let account: Failures | undefined
  let now = 0
  const made: { at: number; address: string }[] = []
  for (const { pause, address } of tries) {
    now += pause
    const at = new Date(now)
    const attempt = { pair: pairs.get(address), address: addresses.get(address), account, known: known.has(address) }
    if (waitFor(attempt, at) > 0) continue
    pairs.set(address, withFailure(attempt.pair, at))
    addresses.set(address, withFailure(attempt.address, at))
    account = withFailure(account, at)
    made.push({ at: now, address })
  }
  return made
}

const pauses = fc.integer({ min: 0, max: 120_000 })
const tries = fc.array(fc.record({ pause: pauses, address: fc.constantFrom('a', 'b', 'c') }), { maxLength: 400 })

test('no address gets more tries at an account than its limit in any window after a first one', () => {
  fc.assert(
    fc.property(tries, all => {
      for (const address of ['a', 'b', 'c']) {
        const times = attack(all, new Set(['b']))
          .filter(made => made.address === address)
          .map(({ at }) => at)
        // Windows follow each other, so two of them may meet in one span of time.
        for (const start of times)
          expect(times.filter(at => at >= start && at < start + window).length).toBeLessThanOrEqual(2 * perPair)
      }
    }),
  )
})

test('a million addresses get little more than one try a minute', () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({ pause: 100, address: `address-${index}` }))
  const minutes = (20_000 * 100) / 60_000
  const windows = Math.ceil((20_000 * 100) / window)
  expect(attack(many).length).toBeLessThan(minutes + windows * 30)
})

test('an owner at a known address gets in, whatever others do', () => {
  const others = Array.from({ length: 5_000 }, (_, index) => ({ pause: 10, address: `address-${index}` }))
  const made = attack([...others, { pause: 0, address: 'home' }], new Set(['home']))
  expect(made.at(-1)?.address).toBe('home')
})

test('whoever waits as long as told may try', () => {
  const failures = fc
    .record({ count: fc.integer({ min: 1, max: 100 }), since: fc.nat(window), age: fc.nat(window) })
    .map(({ count, since, age }) => ({ count, since: new Date(since), last: new Date(since + age) }))
  const optional = fc.option(failures, { nil: undefined })
  const attempt = fc.record({ pair: optional, address: optional, account: optional, known: fc.boolean() })
  fc.assert(
    fc.property(attempt, fc.nat(3 * window), (made, now) => {
      const wait = waitFor(made, new Date(now))
      expect(wait).toBeGreaterThanOrEqual(0)
      expect(waitFor(made, new Date(now + wait))).toBe(0)
    }),
  )
})

test('the limits are those that are documented', () => {
  const steady = (count: number) => Array.from({ length: count }, () => ({ pause: 1, address: 'a' }))
  expect(attack(steady(20))).toHaveLength(perPair)
  const at = new Date(1_000)
  const full = { count: perAddress, since: new Date(0), last: new Date(0) }
  expect(waitFor({ pair: undefined, account: undefined, address: full, known: false }, at)).toBe(window - 1_000)
  expect(waitFor({ pair: undefined, account: undefined, address: full, known: true }, at)).toBe(0)
})

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:0db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s counts as %s', (ip, key) => expect(addressKey(ip)).toBe(key))
