import { z } from 'zod'
import { defineCommand } from '@feira/contracts'

const eventId = '01936f3e-5555-7c1e-9b3a-51d21b2a3c4d'
const partnerId = '01936f3e-4444-7c1e-9b3a-51d21b2a3c4d'

const aggregate = { type: 'partner-event', id: 'eventId' } as const
const about = {
  eventId: z.uuid().describe('the answer names it as `causedBy`; whoever obeys does so once for each'),
  partnerId: z.uuid(),
}

export const partnersEvent = defineCommand('partners.event', {
  owner: 'partners',
  summary: 'Lead an event of a partner on by its next step.',
  aggregate,
  schema: z.object(about),
  example: { eventId, partnerId },
})

export const partnersWebhook = defineCommand('partners.webhook', {
  owner: 'partners',
  summary: 'Tell a partner what became of an event: one attempt of one delivery.',
  aggregate: { type: 'delivery', id: 'deliveryId' },
  schema: z.object({ deliveryId: z.uuid(), eventId: z.uuid(), partnerId: z.uuid() }),
  example: { deliveryId: '01936f3e-6666-7c1e-9b3a-51d21b2a3c4d', eventId, partnerId },
})
