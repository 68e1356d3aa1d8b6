/** Adds rows of month, currency, measure, count and total_cents to the totals; sort them, so that they are locked in one order. */
export const addToTotals = (rows: string) => `
  insert into invoice_totals as known (month, currency, measure, count, total_cents) ${rows}
  on conflict (month, currency, measure) do update
    set count = known.count + excluded.count, total_cents = known.total_cents + excluded.total_cents`

/** Counts invoices of a relation for the first time. */
export const countNew = (relation: string) =>
  addToTotals(`select month, currency, measure, count(*), sum(total_cents)::bigint
    from ${relation} join (values ('all'), ('paid'), ('void')) as m (measure) on measure in ('all', status)
    group by month, currency, measure order by month, currency, measure`)
