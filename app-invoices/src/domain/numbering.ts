/** The calendar year of a moment in a time zone (IANA name): invoices are numbered per year. */
export function yearIn(timeZone: string, moment: Date): number {
  return Number(monthIn(timeZone, moment).slice(0, -3))
}

/** The calendar month of a moment in a time zone (IANA name): `2026-11`. */
export function monthIn(timeZone: string, moment: Date): string {
  const parts = new Map(
    formatFor(timeZone)
      .formatToParts(moment)
      .map(({ type, value }) => [type, value]),
  )
  return `${parts.get('year')}-${parts.get('month')}`
}

// Making one takes longer than all else that it takes to number an invoice.
const formats = new Map<string, Intl.DateTimeFormat>()

function formatFor(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: '2-digit' })
  formats.set(timeZone, format)
  return format
}
