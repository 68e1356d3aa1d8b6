export type { ApiKeys } from './api-keys.ts'
export { callerOf, isAdmin, mayAccess, optionalCallerOf, ownerFilter, type Caller } from './caller.ts'
export { subjectId } from './subject-id.ts'
export { tokenRefusals } from './token-refusals.ts'
