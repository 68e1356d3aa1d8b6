/**
 * Issuing and noting marks exclude each other: neither sees what the other has not committed, and an invoice issued while
 * its cancellation is noted would never learn of it. Issuing, the common case, holds the lock shared and goes on side by
 * side; it travels with the statement after it and so costs no round trip. Whoever notes a mark, because an event
 * overtook its order, waits until those that are issuing have committed. Released by the end of the transaction.
 * Must be a statement of its own: the one after it then sees what was committed meanwhile.
 */
export const joinIssuing = { name: 'join-issuing', text: 'select pg_advisory_xact_lock_shared(3334, 1)' }

/** Taken before any row is locked, so that nobody who holds rows waits for it. See {@link joinIssuing}. */
export const pauseIssuing = { name: 'pause-issuing', text: 'select pg_advisory_xact_lock(3334, 1)' }
