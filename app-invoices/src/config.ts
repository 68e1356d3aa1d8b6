import { timeZone, type ConfigOf } from '@feira/chassis'
import { z } from 'zod'

export const config = {
  INVOICE_TIMEZONE: timeZone()
    .default('America/Sao_Paulo')
    .describe('time zone whose calendar numbers and dates the invoices'),
  INVOICE_SELLER_NAME: z.string().max(100).default('Feira').describe('who issues the invoices, as printed'),
  INVOICE_SELLER_DETAILS: z
    .string()
    .max(1_000)
    .default('São Paulo, SP, Brasil')
    .transform(text => text.split(/\\n|\n/).map(line => line.trim()))
    .pipe(z.array(z.string()).max(6, 'must be at most 6 lines'))
    .describe('what is printed below the name, e.g. address and registration; lines are separated by \\n'),
}

export type Config = ConfigOf<typeof config>
