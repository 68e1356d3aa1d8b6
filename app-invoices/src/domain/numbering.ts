/** The calendar year of a moment in a time zone (IANA name): invoices are numbered per year. */
export function yearIn(timeZone: string, moment: Date): number {
  return Number(monthIn(timeZone, moment).slice(0, -3))
}

/** The calendar month of a moment in a time zone (IANA name): `2026-11`. */
export function monthIn(timeZone: string, moment: Date): string {
  const format = new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: '2-digit' })
  const parts = new Map(format.formatToParts(moment).map(({ type, value }) => [type, value]))
  return `${parts.get('year')}-${parts.get('month')}`
}
