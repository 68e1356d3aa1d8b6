import { consumeBatch, type Received } from '@feira/chassis'
import { stockAdjusted, stockAdjustmentRefused } from '@feira/contracts/products'
import { done, receiveAnswers, refused, type Answer } from '../advancing/receive-answers.ts'
import type { Config } from '../config.ts'

const types = [stockAdjusted, stockAdjustmentRefused]
type Message = Received<(typeof types)[number]>

/** What app-products answers to updates of the stock. */
export const onStockAnswer = consumeBatch<(typeof types)[number], Config>(
  'on-stock-answer',
  types,
  async (messages, tx, resources) => receiveAnswers(tx, messages, answersIn, resources),
)

function answersIn({ type, data }: Message): Answer[] {
  if (type === 'stock.adjustment-refused') {
    return [{ eventId: data.causedBy, signal: refused(data.code, data.detail) }]
  }
  const detail = `The stock of ${data.sku} was set to ${data.available}.`
  return [{ eventId: data.causedBy, signal: done('adjusted', detail) }]
}
