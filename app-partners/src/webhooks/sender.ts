import { openedBy, type Resources, type Startup } from '@feira/chassis'
import { Webhook } from 'standardwebhooks'
import { Agent, request as undiciRequest } from 'undici'
import type { Config } from '../config.ts'
import { explain, refusalOf, targetRefused } from './failure.ts'
import { dnsResolve, guardedLookup, type Resolve } from './guarded-lookup.ts'
import { createLanes } from './lanes.ts'
import { webhookUrl } from './webhook-url.ts'

/** One request to a partner, the same however often it is made. */
export interface WebhookRequest {
  readonly deliveryId: string
  readonly url: string
  readonly secret: string
  readonly body: string
}

export interface Sender {
  /**
   * Takes a place among the requests to a partner that are under way.
   * @throws LaneBusy when there is none.
   */
  enter(partnerId: string): SenderTurn
}

export interface SenderTurn extends Disposable {
  /** @returns the HTTP status, 2xx. @throws WebhookFailure */
  post(request: WebhookRequest, signal: AbortSignal): Promise<number>
}

/** Bytes of an answer that are read, and thrown away, so that its connection can serve again. */
const bodyLimit = 4_096

const opened = openedBy<Sender>('openSender')

/** Gets the sender of a service ready. @param resolve tests may answer for DNS. */
export function openSender(resolve?: Resolve): Startup<Config> {
  return async function webhooks(resources) {
    const { sender, close } = createSender(resources, resolve ?? dnsResolve())
    opened.set(resources, sender)
    return close
  }
}

/** The one sender of a running service. */
export const senderOf = opened.of

function createSender({ config, metrics, log }: Resources<Config>, resolve: Resolve) {
  // What the chassis takes for hanging is repeated, so the longest request must end before.
  const timeout = Math.min(config.WEBHOOK_TIMEOUT, config.HANDLER_TIMEOUT / 2)
  const lookup = config.WEBHOOK_PRIVATE_TARGETS ? {} : { lookup: guardedLookup(resolve) }
  // The timeout of all of a request is its signal's; a connection has one of its own, because it outlives the signal.
  const agent = new Agent({ allowH2: false, connect: { ...lookup, timeout }, headersTimeout: 0, bodyTimeout: 0 })
  const lanes = createLanes({ metrics, log }, timeout)
  const allowed = webhookUrl(config)

  async function post(request: WebhookRequest, signal: AbortSignal): Promise<number> {
    const { error } = allowed.safeParse(request.url)
    if (error) throw targetRefused(error.issues[0]?.message ?? 'does not fit')
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
    try {
      return await postOnce(agent, request, limit)
    } catch (error) {
      throw explain(error, timeout)
    }
  }
  const sender: Sender = {
    enter(partnerId) {
      const turn = lanes.enter(partnerId)
      return {
        post: (request, signal) => turn.ask(() => post(request, signal)),
        [Symbol.dispose]: () => turn[Symbol.dispose](),
      }
    },
  }
  return { sender, close: () => lanes.close() }
}

async function postOnce(agent: Agent, request: WebhookRequest, signal: AbortSignal): Promise<number> {
  const { url, body } = request
  const options = { dispatcher: agent, method: 'POST', headers: headersOf(request), body, signal } as const
  const { statusCode, body: answer } = await undiciRequest(url, options)
  // What it holds is nobody's business here; whether it ends does not matter.
  void answer.dump({ limit: bodyLimit, signal }).catch(() => {})
  if (statusCode < 200 || statusCode > 299) throw refusalOf(statusCode)
  return statusCode
}

function headersOf({ deliveryId, secret, body }: WebhookRequest) {
  const now = new Date()
  return {
    'content-type': 'application/json',
    'user-agent': 'Feira-Webhooks',
    'webhook-id': deliveryId,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(deliveryId, now, body),
  }
}
