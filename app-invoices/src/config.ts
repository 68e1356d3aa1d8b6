import type { ConfigOf } from '@feira/chassis'
import { z } from 'zod'
import { isTimeZone } from './domain/numbering.ts'

export const config = {
  INVOICE_TIMEZONE: z
    .string()
    .refine(isTimeZone, 'must be an IANA time zone')
    .default('America/Sao_Paulo')
    .describe('time zone whose calendar year numbers the invoices'),
}

export type Config = ConfigOf<typeof config>
