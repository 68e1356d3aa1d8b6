import { currency } from './money.ts'

export const orderStatuses = ['pending', 'reserved', 'paid', 'shipped', 'completed', 'cancelled', 'refunded'] as const
export type OrderStatus = (typeof orderStatuses)[number]

/** What was ordered of one product, at the price of that moment. */
export interface OrderItem {
  readonly productId: string
  readonly name: string
  readonly quantity: number
  readonly unitPriceCents: number
}

export interface ShippingAddress {
  readonly street: string
  readonly city: string
  readonly state: string
  readonly zipCode: string
}

/** Whom an order belongs to; empty once the person is erased. */
export interface Customer {
  readonly userId: string | null
  readonly userName: string | null
  readonly userEmail: string | null
  readonly userLocale: 'pt-BR' | 'en' | null
}

/** Money that was received; a provider need not name it. */
export interface Payment {
  readonly reference: string | null
}

/** The event of a partner that placed an order. */
export interface Origin {
  readonly partnerId: string
  readonly eventId: string
}

export interface Order extends Customer {
  readonly id: string
  readonly status: OrderStatus
  /** Empty for a quick order. */
  readonly items: readonly OrderItem[]
  readonly shippingAddress: ShippingAddress | null
  readonly totalCents: number
  readonly currency: string
  /** The payment that was received; one that came before its order was reserved waits here. */
  readonly payment: Payment | null
  /** Null for an order that a customer placed. */
  readonly origin: Origin | null
  /** 1 when created; grows by one with every change. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

interface NewOrder {
  readonly id: string
  readonly customer: Customer
  /** The moment of its id: lists of a period and payment deadlines go by the id. */
  readonly at: Date
  readonly origin?: Origin
}

/** An order of an amount alone: there is no stock to wait for, so it starts `reserved`. */
export function quickOrder({ totalCents, ...start }: NewOrder & { readonly totalCents: number }): Order {
  return { ...startOf(start), status: 'reserved', items: [], shippingAddress: null, totalCents, currency }
}

export interface Contents {
  readonly items: readonly OrderItem[]
  readonly totalCents: number
  readonly currency: string
  readonly shippingAddress: ShippingAddress | null
}

/** An order of products: it waits as `pending` until its stock is set aside. */
export function itemOrder({ contents, ...start }: NewOrder & { readonly contents: Contents }): Order {
  return { ...startOf(start), status: 'pending', ...contents }
}

function startOf({ id, customer, at, origin }: NewOrder) {
  return { id, ...customer, payment: null, origin: origin ?? null, version: 1, createdAt: at, updatedAt: at }
}

/** Until when an order must be paid: `deadline` ms after it was placed. */
export function payBy({ createdAt }: Pick<Order, 'createdAt'>, deadline: number): Date {
  return new Date(createdAt.getTime() + deadline)
}
