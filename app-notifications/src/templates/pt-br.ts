import type { Detail, Letters, OrderFacts, Words } from './letter.ts'

/** The letters in Brazilian Portuguese. Change the words freely; nothing here needs escaping. */
export const ptBR: Letters = {
  'order-created': order => ({
    subject: `Recebemos o seu pedido ${order.order}`,
    heading: 'Recebemos o seu pedido',
    paragraphs: [hello(order.name), `Seu pedido foi registrado em ${order.date}. Avisaremos você a cada passo.`],
    items: order.items,
    details: about(order),
  }),
  'order-reserved': order => ({
    subject: `Pedido ${order.order}: tudo separado, falta o pagamento`,
    heading: 'Seus itens estão separados',
    paragraphs: [
      hello(order.name),
      'Temos tudo o que você pediu. Assim que o pagamento for confirmado, preparamos o envio.',
    ],
    items: order.items,
    details: about(order),
  }),
  'order-paid': order => ({
    subject: `Pagamento do pedido ${order.order} confirmado`,
    heading: 'Pagamento confirmado',
    paragraphs: [hello(order.name), `Recebemos o pagamento de ${order.total} em ${order.date}. Obrigado!`],
    items: order.items,
    details: about(order),
  }),
  'order-shipped': order => ({
    subject: `Seu pedido ${order.order} foi enviado`,
    heading: 'Seu pedido está a caminho',
    paragraphs: [hello(order.name), `Ele saiu do nosso depósito em ${order.date}.`],
    items: order.items,
    details: about(order),
  }),
  'order-completed': order => ({
    subject: `Pedido ${order.order} concluído`,
    heading: 'Seu pedido foi concluído',
    paragraphs: [hello(order.name), 'Tudo foi entregue. Obrigado por comprar com a gente!'],
    details: about(order),
  }),
  'order-cancelled': order => ({
    subject: `Pedido ${order.order} cancelado`,
    heading: 'Seu pedido foi cancelado',
    paragraphs: [hello(order.name), `Ele foi cancelado em ${order.date}. Nada foi nem será cobrado por ele.`],
    details: [...about(order), ...because(order)],
  }),
  'order-refunded': order => ({
    subject: `Reembolso do pedido ${order.order}`,
    heading: 'Seu dinheiro será devolvido',
    paragraphs: [
      hello(order.name),
      `Em ${order.date} desfizemos o pedido. ${order.total} voltará a você pelo meio de pagamento usado.`,
    ],
    details: [...about(order), ...because(order)],
  }),
  'invoice-issued': invoice => ({
    subject: `Fatura ${invoice.number}`,
    heading: `Fatura ${invoice.number}`,
    paragraphs: [hello(invoice.name), `A fatura do seu pedido foi emitida em ${invoice.date}.`],
    details: [
      { label: 'Fatura', value: invoice.number },
      { label: 'Pedido', value: invoice.orderId },
      { label: 'Total', value: invoice.total },
    ],
  }),
  'user-created': user => ({
    subject: 'Boas-vindas à Feira',
    heading: 'Boas-vindas!',
    paragraphs: [
      hello(user.name),
      `Sua conta foi criada com o endereço ${user.email}. É por ele que avisaremos você sobre os seus pedidos.`,
      'Não foi você? Então alguém se enganou no endereço, e você pode ignorar esta mensagem.',
    ],
  }),
}

export const palavras: Words = {
  product: 'Produto',
  quantity: 'Qtd.',
  price: 'Preço',
  footer: 'Esta é uma mensagem automática da Feira; não é preciso responder.',
}

function hello(name: string | null): string {
  return name === null ? 'Olá!' : `Olá, ${name}!`
}

function about(order: OrderFacts): Detail[] {
  return [
    { label: 'Pedido', value: order.orderId },
    { label: 'Total', value: order.total },
  ]
}

function because({ reason }: OrderFacts): Detail[] {
  return reason === null ? [] : [{ label: 'Motivo', value: reason }]
}
