/** One request of the collection, and what the next ones need of its answer. */
export interface Step {
  /** Of the gateway's document; a step's summary, parameters and body are that operation's unless it says otherwise. */
  readonly operation: string
  readonly name?: string
  readonly note?: string
  readonly as: Role
  /** Values of the path's parameters; `id` of an order is `{{orderId}}` and so on. */
  readonly path?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** The variable that holds the ETag for `If-Match`. */
  readonly match?: string
  /** Variables that are set from the answer: where in the JSON, or which header. */
  readonly keep?: Readonly<Record<string, string | { readonly header: string }>>
  /** Milliseconds to wait before it, for what travels by messages. */
  readonly wait?: number
  /** Expected, when it is not the success that the operation describes. */
  readonly status?: number
  /** A stream has no end: skipped when the collection runs, unless the variable `follow` says `yes`. */
  readonly endless?: boolean
}

export type Role = 'nobody' | 'admin' | 'customer' | 'partner'

export interface Folder {
  readonly name: string
  readonly description: string
  readonly steps: readonly Step[]
}

const user = { id: '{{userId}}' }
const product = { id: '{{productId}}' }
const order = { id: '{{orderId}}' }
const event = { id: '{{eventId}}' }
const partner = { id: '{{partnerId}}' }
const email = 'ana-{{run}}@example.com'
const password = 'correct horse battery'
const sku = 'CAFE-{{run}}'

/** Every operation of the gateway, in an order in which each finds what it needs, also when it is run again. */
export const journey: readonly Folder[] = [
  {
    name: 'users',
    description:
      'Sign in first: the other folders use the tokens of this one. Each run registers a customer of its own.',
    steps: [
      { operation: 'logIn', name: 'Sign in as the admin', as: 'nobody', keep: { adminToken: 'access_token' } },
      {
        operation: 'registerUser',
        as: 'nobody',
        body: { name: 'Ana Souza', email, password },
        keep: { userId: 'id', userEtag: { header: 'ETag' } },
      },
      {
        operation: 'logIn',
        name: 'Sign in as the customer',
        as: 'nobody',
        body: { username: email, password },
        keep: { customerToken: 'access_token', refreshToken: 'refresh_token' },
      },
      {
        operation: 'refreshTokens',
        as: 'nobody',
        body: { refresh_token: '{{refreshToken}}' },
        keep: { customerToken: 'access_token', refreshToken: 'refresh_token' },
      },
      { operation: 'getMe', as: 'customer' },
      { operation: 'getUser', as: 'customer', path: user, keep: { userEtag: { header: 'ETag' } } },
      {
        operation: 'updateUserByPatch',
        as: 'customer',
        path: user,
        match: 'userEtag',
        keep: { userEtag: { header: 'ETag' } },
      },
      { operation: 'updateUserByPut', as: 'customer', path: user, body: { name: 'Ana Souza', locale: 'pt-BR' } },
      { operation: 'listUsers', as: 'admin', query: { email } },
      { operation: 'getUserStats', as: 'admin' },
      { operation: 'describeIssuer', as: 'nobody' },
      { operation: 'publishKeys', as: 'nobody' },
      { operation: 'rotateSigningKeys', as: 'admin' },
    ],
  },
  {
    name: 'products',
    description: 'A product of each run, with ten in stock.',
    steps: [
      {
        operation: 'createProduct',
        as: 'admin',
        body: { sku, name: 'Café da Serra 250 g', price: 29.9, stock: 10, category: 'coffee' },
        keep: { productId: 'id' },
      },
      { operation: 'listProducts', as: 'nobody', query: { search: sku } },
      { operation: 'listCategories', as: 'nobody' },
      { operation: 'getProduct', as: 'nobody', path: product, keep: { productEtag: { header: 'ETag' } } },
      { operation: 'changeProductByPatch', as: 'admin', path: product, match: 'productEtag' },
      { operation: 'changeProductByPut', as: 'admin', path: product, body: { price: 29.9, stock: 20 } },
      { operation: 'adjustStock', as: 'admin', path: product },
      { operation: 'listMovements', as: 'admin', path: product },
    ],
  },
  {
    name: 'orders',
    description: 'One order of products from placed to refunded, and one by amount that is cancelled.',
    steps: [
      {
        operation: 'placeOrder',
        as: 'customer',
        wait: 1_000,
        body: {
          items: [{ productId: '{{productId}}', quantity: 2, price: 29.9 }],
          shippingAddress: { street: 'Rua das Flores 12', city: 'São Paulo', state: 'SP', zipCode: '01310-100' },
        },
        keep: { orderId: 'id' },
      },
      { operation: 'getOrder', as: 'customer', wait: 1_000, path: order, keep: { orderEtag: { header: 'ETag' } } },
      { operation: 'payOrder', as: 'customer', path: order, match: 'orderEtag' },
      { operation: 'changeOrderStatus', as: 'admin', path: order },
      { operation: 'completeOrder', as: 'admin', path: order },
      { operation: 'refundOrder', as: 'admin', path: order },
      { operation: 'getOrderHistory', as: 'customer', path: order },
      {
        operation: 'placeOrder',
        name: 'Place an order by amount',
        as: 'customer',
        body: { amount: 29.99 },
        keep: { quickOrderId: 'id' },
      },
      { operation: 'cancelOrder', as: 'customer', path: { id: '{{quickOrderId}}' } },
      { operation: 'listOrders', as: 'customer' },
      { operation: 'getOrderStats', as: 'admin' },
      { operation: 'getReplicas', as: 'admin' },
      { operation: 'refillReplicas', as: 'admin' },
    ],
  },
  {
    name: 'invoices',
    description: 'The invoice of the order, which its messages have made.',
    steps: [
      {
        operation: 'listInvoices',
        as: 'customer',
        wait: 1_000,
        query: { orderId: '{{orderId}}' },
        keep: { invoiceId: 'items[0].id' },
      },
      { operation: 'getInvoice', as: 'customer', path: { id: '{{invoiceId}}' } },
      { operation: 'getInvoicePdf', as: 'customer', path: { id: '{{invoiceId}}' } },
      { operation: 'getInvoiceStats', as: 'admin' },
    ],
  },
  {
    name: 'notifications',
    description: 'What `npm start` and compose send is caught: http://localhost:8025.',
    steps: [
      { operation: 'requestEmail', as: 'admin', keep: { notificationId: 'id' } },
      { operation: 'requestSms', as: 'admin' },
      { operation: 'listNotifications', as: 'customer' },
      { operation: 'getNotification', as: 'admin', path: { id: '{{notificationId}}' } },
    ],
  },
  {
    name: 'queries',
    description: 'The read model: an order with all that belongs to it, and live timelines.',
    steps: [
      { operation: 'getOrderOfQueries', as: 'customer', path: order, query: { minVersion: '1' } },
      { operation: 'followOrder', as: 'customer', path: order },
      { operation: 'followOwnOrders', as: 'customer', endless: true },
      { operation: 'listOrdersOfQueries', as: 'customer' },
      { operation: 'listProductsOfQueries', as: 'nobody' },
      { operation: 'listUsersOfQueries', as: 'admin' },
      { operation: 'getStats', as: 'admin' },
      { operation: 'requestRebuild', as: 'admin' },
      { operation: 'getRebuild', as: 'admin' },
    ],
  },
  {
    name: 'partners',
    description: 'A partner of each run, its key, and a sale of the product.',
    steps: [
      { operation: 'createPartner', as: 'admin', keep: { partnerId: 'id' } },
      { operation: 'createPartnerKey', as: 'admin', path: partner, keep: { partnerKey: 'key', partnerKeyId: 'id' } },
      { operation: 'listPartnerKeys', as: 'admin', path: partner },
      { operation: 'listPartners', as: 'admin' },
      { operation: 'getPartner', as: 'admin', path: partner, keep: { partnerEtag: { header: 'ETag' } } },
      { operation: 'changePartner', as: 'admin', path: partner, match: 'partnerEtag' },
      { operation: 'changeWebhookSecret', as: 'admin', path: partner },
      {
        operation: 'receiveEvent',
        as: 'partner',
        body: { tipo: 'VENDA', dados: { produto_id: sku, quantidade: 2, valor: 59.8 }, evento_id: 'venda-{{run}}' },
        keep: { eventId: 'id' },
      },
      { operation: 'getEventStatus', as: 'partner', wait: 1_000, path: event },
      { operation: 'getEvent', as: 'partner', path: event },
      { operation: 'listDeliveries', as: 'partner', path: event },
      {
        operation: 'retryEvent',
        note: 'Only what is dead can be tried again: after a sale that went well this is answered with 409.',
        as: 'partner',
        path: event,
        status: 409,
      },
      {
        operation: 'receiveEvents',
        as: 'partner',
        body: [
          { tipo: 'DEVOLUÇÃO', dados: { venda_id: '{{eventId}}', motivo: 'desistência' } },
          { tipo: 'ATUALIZAÇÃO_ESTOQUE', dados: { produto_id: sku, quantidade: 40 } },
        ],
      },
      { operation: 'listEvents', as: 'partner' },
      { operation: 'getEventStats', as: 'partner' },
    ],
  },
  {
    name: 'tidying up',
    description: 'Takes back what the run has left; what people did stays in the books.',
    steps: [
      { operation: 'revokePartnerKey', as: 'admin', path: { id: '{{partnerId}}', keyId: '{{partnerKeyId}}' } },
      { operation: 'deletePartner', as: 'admin', path: partner },
      { operation: 'deleteProduct', as: 'admin', path: product },
      { operation: 'logOut', as: 'customer' },
      { operation: 'deleteUser', as: 'admin', path: user },
    ],
  },
]
