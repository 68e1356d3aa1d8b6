/** The calendar year of a moment in a time zone (IANA name): invoices are numbered per year. */
export function yearIn(timeZone: string, moment: Date): number {
  return Number(new Intl.DateTimeFormat('en', { timeZone, year: 'numeric' }).format(moment))
}

/** Whether a name is that of a time zone, by the IANA database: `America/Sao_Paulo`, `Etc/UTC`; not an offset. */
export function isTimeZone(name: string): boolean {
  if (!/^[a-z]/i.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
