/** Counts the new events of a relation. */
export const tallyNew = (relation: string) => `
  insert into event_tally_changes (partner_id, kind, state) select partner_id, kind, state from ${relation}`

/** Counts the events of a relation in their new state instead of the one in which they were (`was`). */
export const tallyChanged = (relation: string) => `
  insert into event_tally_changes (partner_id, kind, was, state, settled_after_ms)
  select partner_id, kind, was, state,
    case when first_settled then 1000 * extract(epoch from settled_at - received_at) end
  from ${relation} where was <> state`
