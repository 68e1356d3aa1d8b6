const day = `(created_at at time zone 'UTC')::date`

/** What the tallies say, with what is still to be added to them: many rows of one day and state. */
export const tallies = `
  select day, status, orders, total_cents from order_tallies
  union all select day, status, orders, total_cents from order_tally_changes`

/** Counts the new orders of a relation. */
export const tallyNew = (relation: string) => `
  insert into order_tally_changes (day, status, orders, total_cents)
  select ${day}, status, count(*), sum(total_cents) from ${relation} group by 1, 2`

/** Counts the orders of a relation in their new state instead of the one in which they were (`was`). */
export const tallyChanged = (relation: string) => `
  insert into order_tally_changes (day, status, orders, total_cents)
  select ${day}, counted.status, sum(change), sum(change * total_cents)
  from ${relation} cross join lateral (values (was, -1), (${relation}.status, 1)) as counted (status, change)
  where tallied and was <> ${relation}.status group by 1, 2`
