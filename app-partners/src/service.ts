import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { buryAbandonedEvents } from './features/bury-abandoned-events.ts'
import { changePartner } from './features/change-partner.ts'
import { changeWebhookSecret } from './features/change-webhook-secret.ts'
import { createPartnerKey } from './features/create-partner-key.ts'
import { createPartner } from './features/create-partner.ts'
import { deletePartner } from './features/delete-partner.ts'
import { getEventStats } from './features/get-event-stats.ts'
import { getEventStatus } from './features/get-event-status.ts'
import { getEvent } from './features/get-event.ts'
import { getPartner } from './features/get-partner.ts'
import { leadOnDueEvents } from './features/lead-on-due-events.ts'
import { listDeliveries } from './features/list-deliveries.ts'
import { listEvents } from './features/list-events.ts'
import { listPartnerKeys } from './features/list-partner-keys.ts'
import { listPartners } from './features/list-partners.ts'
import { onOrderAnswer } from './features/on-order-answer.ts'
import { onPartnersEvent } from './features/on-partners-event.ts'
import { onPartnersWebhook } from './features/on-partners-webhook.ts'
import { onStockAnswer } from './features/on-stock-answer.ts'
import { onUserDeleted } from './features/on-user-deleted.ts'
import { pruneLimits } from './features/prune-limits.ts'
import { receiveEvent } from './features/receive-event.ts'
import { receiveEvents } from './features/receive-events.ts'
import { retryEvent } from './features/retry-event.ts'
import { revokePartnerKey } from './features/revoke-partner-key.ts'
import { sumTallies } from './features/sum-tallies.ts'
import { partnerKeys } from './keys/identify-by-key.ts'
import { openCounters } from './limits/counters.ts'
import { openSender } from './webhooks/sender.ts'

export const service = defineService<Config>({
  name: 'partners',
  summary: 'Takes events of partners in and leads each to its answer: done, refused with a reason, or dead.',
  port: 3339,
  paths: ['/events', '/partners'],
  config,
  apiKeys: partnerKeys,
  migrations: new URL('../migrations/', import.meta.url),
  startup: [openCounters, openSender()],
  routes: [
    createPartner,
    listPartners,
    getPartner,
    changePartner,
    deletePartner,
    changeWebhookSecret,
    createPartnerKey,
    listPartnerKeys,
    revokePartnerKey,
    receiveEvent,
    receiveEvents,
    listEvents,
    getEvent,
    getEventStatus,
    getEventStats,
    retryEvent,
    listDeliveries,
  ],
  consumers: [onUserDeleted, onPartnersEvent, onOrderAnswer, onStockAnswer, onPartnersWebhook],
  jobs: [pruneLimits, leadOnDueEvents, buryAbandonedEvents, sumTallies],
})
