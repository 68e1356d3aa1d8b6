import { eraseSubject } from '@feira/chassis'
import { userDeleted } from '@feira/contracts/users'

/** `user.deleted` → the person's invoices keep number, amounts and lines, but not the person. */
export const onUserDeleted = eraseSubject('on-user-deleted', userDeleted, async (userId, tx) => {
  const { rows } = await tx.query<Removed>({ name: 'remove-customer', text: statement, values: [userId, new Date()] })
  const texts = rows.flatMap(({ email, name }) => [email, fullName(name)]).filter(text => text !== null)
  return [...new Set(texts)]
})

type Removed = { readonly name: string | null; readonly email: string | null }

// Rows are locked in the order of their order ids, as everywhere. Whom it has removed before it leaves alone, unless a
// message in flight brought that person back.
const statement = `
  with known as (
    select id, customer_name as name, customer_email as email from invoices
    where user_id = $1 and (erased_at is null or customer_name is not null or customer_email is not null)
    order by order_id for update)
  update invoices set customer_name = null, customer_email = null, erased_at = $2
  from known where invoices.id = known.id returning known.name, known.email`

// Dead letters that hold the text are emptied: a first name alone would empty those of many others.
function fullName(name: string | null): string | null {
  return name !== null && /\S\s+\S/.test(name) ? name : null
}
