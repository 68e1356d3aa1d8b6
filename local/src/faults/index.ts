import { databaseAway, failingRequests, slowDatabase } from './databases.ts'
import type { Fault } from './fault.ts'
import { deadLetters, queueBacklog, unroutedMessages } from './messages.ts'
import { brokerAway, eventLoopLag, serviceDown } from './processes.ts'
import { redisHangs } from './redis.ts'
import { failingPartnerEvents, lateInvoices, pendingOrders } from './shop.ts'

/** Everything that `npm run break` can break. */
export const faults: Readonly<Record<string, Fault>> = {
  'service-down': serviceDown,
  'event-loop-lag': eventLoopLag,
  'broker-away': brokerAway,
  'database-away': databaseAway,
  'slow-database': slowDatabase,
  'failing-requests': failingRequests,
  'redis-hangs': redisHangs,
  'unrouted-messages': unroutedMessages,
  'dead-letters': deadLetters,
  'queue-backlog': queueBacklog,
  'late-invoices': lateInvoices,
  'pending-orders': pendingOrders,
  'failing-partner-events': failingPartnerEvents,
}
