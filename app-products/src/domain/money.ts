/** The currency of every price. */
export const currency = 'BRL'

/** R$ 10,000,000.00: what one piece may cost at most. */
export const maxCents = 1_000_000_000

/**
 * Reads an amount in the currency's main unit, a number or a numeric string such as `29.99`, as cents.
 * @param least the smallest amount that counts, in cents.
 * @returns undefined when it is less, has more than two decimals, or exceeds {@link maxCents}.
 */
export function toCents(amount: number | string, least = 1): number | undefined {
  // The shortest decimal form of a number is the one that was typed: no rounding can hide a third decimal.
  const match = /^(\d{1,10})(?:\.(\d{1,2}))?$/.exec(String(amount))
  if (!match) return undefined
  const cents = Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
  return cents >= least && cents <= maxCents ? cents : undefined
}

/** Cents as an amount in the currency's main unit: 2999 → 29.99. */
export function fromCents(cents: number): number {
  return cents / 100
}
