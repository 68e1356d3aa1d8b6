import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { countInvoices } from './features/count-invoices.ts'
import { getInvoicePdf } from './features/get-invoice-pdf.ts'
import { getInvoiceStats } from './features/get-invoice-stats.ts'
import { getInvoice } from './features/get-invoice.ts'
import { listInvoices } from './features/list-invoices.ts'
import { onOrderChanged } from './features/on-order-changed.ts'
import { onOrderCreated } from './features/on-order-created.ts'
import { onSnapshotRequested } from './features/on-snapshot-requested.ts'
import { onUserDeleted } from './features/on-user-deleted.ts'
import { openLags } from './lags.ts'

export const service = defineService<Config>({
  name: 'invoices',
  summary: 'Issues one invoice per order, numbered without gaps.',
  port: 3334,
  paths: ['/invoices'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  startup: [openLags],
  routes: [listInvoices, getInvoiceStats, getInvoice, getInvoicePdf],
  consumers: [onOrderCreated, onOrderChanged, onUserDeleted, onSnapshotRequested],
  jobs: [countInvoices],
})
