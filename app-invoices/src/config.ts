import type { ConfigOf } from '@feira/chassis'
import { z } from 'zod'

export const config = {
  INVOICE_TIMEZONE: z
    .string()
    .refine(zone => Intl.supportedValuesOf('timeZone').includes(zone) || zone === 'UTC', 'must be an IANA time zone')
    .default('America/Sao_Paulo')
    .describe('time zone whose calendar year numbers the invoices'),
}

export type Config = ConfigOf<typeof config>
