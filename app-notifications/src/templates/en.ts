import type { Detail, Letters, OrderFacts, Words } from './letter.ts'

/** The letters in English. Change the words freely; nothing here needs escaping. */
export const en: Letters = {
  'order-created': order => ({
    subject: `We have your order ${order.order}`,
    heading: 'We have your order',
    paragraphs: [hello(order.name), `Your order was placed on ${order.date}. We will tell you about every step.`],
    items: order.items,
    details: about(order),
  }),
  'order-reserved': order => ({
    subject: `Order ${order.order}: all set aside, awaiting payment`,
    heading: 'Your items are set aside',
    paragraphs: [
      hello(order.name),
      'We have everything you ordered. As soon as the payment is confirmed, we get it ready to leave.',
    ],
    items: order.items,
    details: about(order),
  }),
  'order-paid': order => ({
    subject: `Payment for order ${order.order} confirmed`,
    heading: 'Payment confirmed',
    paragraphs: [hello(order.name), `We received your payment of ${order.total} on ${order.date}. Thank you!`],
    items: order.items,
    details: about(order),
  }),
  'order-shipped': order => ({
    subject: `Your order ${order.order} was shipped`,
    heading: 'Your order is on its way',
    paragraphs: [hello(order.name), `It left our warehouse on ${order.date}.`],
    items: order.items,
    details: about(order),
  }),
  'order-completed': order => ({
    subject: `Order ${order.order} completed`,
    heading: 'Your order is complete',
    paragraphs: [hello(order.name), 'Everything was delivered. Thank you for shopping with us!'],
    details: about(order),
  }),
  'order-cancelled': order => ({
    subject: `Order ${order.order} cancelled`,
    heading: 'Your order was cancelled',
    paragraphs: [
      hello(order.name),
      `It was cancelled on ${order.date}. You have not been and will not be charged for it.`,
    ],
    details: [...about(order), ...because(order)],
  }),
  'order-refunded': order => ({
    subject: `Refund for order ${order.order}`,
    heading: 'Your money is on its way back',
    paragraphs: [
      hello(order.name),
      `We undid your order on ${order.date}. ${order.total} will be returned to you the way you paid.`,
    ],
    details: [...about(order), ...because(order)],
  }),
  'invoice-issued': invoice => ({
    subject: `Invoice ${invoice.number}`,
    heading: `Invoice ${invoice.number}`,
    paragraphs: [hello(invoice.name), `The invoice for your order was issued on ${invoice.date}.`],
    details: [
      { label: 'Invoice', value: invoice.number },
      { label: 'Order', value: invoice.orderId },
      { label: 'Total', value: invoice.total },
    ],
  }),
  'user-created': user => ({
    subject: 'Welcome to Feira',
    heading: 'Welcome!',
    paragraphs: [
      hello(user.name),
      `Your account was created with the address ${user.email}. It is where we will write to about your orders.`,
      'It was not you? Then somebody mistyped their address, and you may ignore this message.',
    ],
  }),
}

export const words: Words = {
  product: 'Product',
  quantity: 'Qty',
  price: 'Price',
  footer: 'Feira sent this message automatically; there is no need to reply.',
}

function hello(name: string | null): string {
  return name === null ? 'Hello!' : `Hello ${name}!`
}

function about(order: OrderFacts): Detail[] {
  return [
    { label: 'Order', value: order.orderId },
    { label: 'Total', value: order.total },
  ]
}

function because({ reason }: OrderFacts): Detail[] {
  return reason === null ? [] : [{ label: 'Reason', value: reason }]
}
