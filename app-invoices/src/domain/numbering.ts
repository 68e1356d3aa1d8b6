/** The calendar year of a moment in a time zone (IANA name): invoices are numbered per year. */
export function yearIn(timeZone: string, moment: Date): number {
  return Number(new Intl.DateTimeFormat('en', { timeZone, year: 'numeric' }).format(moment))
}
