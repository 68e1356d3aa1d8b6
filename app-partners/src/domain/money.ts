/** R$ 10,000,000.00: what one sale may come to at most. */
export const maxCents = 1_000_000_000

/**
 * Reads an amount in the currency's main unit, a number or a numeric string such as `29.99`, as cents.
 * @returns undefined when it is not positive, has more than two decimals, or exceeds {@link maxCents}.
 */
export function toCents(amount: number | string): number | undefined {
  // The shortest decimal form of a number is the one that was typed: no rounding can hide a third decimal.
  const match = /^(\d{1,10})(?:\.(\d{1,2}))?$/.exec(String(amount))
  if (!match) return undefined
  const cents = Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
  return cents > 0 && cents <= maxCents ? cents : undefined
}
