export { callerOf, isAdmin, mayAccess, optionalCallerOf, type Caller } from './caller.ts'
export { subjectId } from './subject-id.ts'
