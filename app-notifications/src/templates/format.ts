/** The languages that letters are written in. */
export const locales = ['pt-BR', 'en'] as const
export type Locale = (typeof locales)[number]

/** An amount in cents of an ISO 4217 currency, as readers of that language write it. */
export function money(cents: number, currency: string, locale: Locale): string {
  return new Intl.NumberFormat(locale, { style: 'currency', currency, minimumFractionDigits: 2 }).format(cents / 100)
}

/** A moment (ISO 8601) as the clock on the wall of a time zone shows it. */
export function dateAndTime(moment: string, locale: Locale, timeZone: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short', timeZone }).format(new Date(moment))
}

export function wholeNumber(value: number, locale: Locale): string {
  return new Intl.NumberFormat(locale).format(value)
}
