import { currency } from './money.ts'

export type OrderStatus = 'pending' | 'reserved' | 'paid' | 'shipped' | 'completed' | 'cancelled' | 'refunded'

export interface Order {
  readonly id: string
  readonly userId: string | null
  readonly userEmail: string | null
  readonly status: OrderStatus
  readonly totalCents: number
  readonly currency: string
  /** 1 when created; grows by one with every change. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface QuickOrder {
  readonly id: string
  readonly totalCents: number
  readonly userId: string | null
  readonly userEmail: string | null
  readonly at: Date
}

/** An order of an amount alone: there is no stock to wait for, so it starts `reserved`. */
export function quickOrder({ id, totalCents, userId, userEmail, at }: QuickOrder): Order {
  return { id, userId, userEmail, status: 'reserved', totalCents, currency, version: 1, createdAt: at, updatedAt: at }
}
