export { etagOf, isUnchanged, requireMatch, versioned } from './etag.ts'
export { decodeCursor, encodeCursor, page, pageOf, pageQuery, type CursorKey, type Page } from './pagination.ts'
export { fieldsOf } from './validation.ts'
