import type { Resources } from '@feira/chassis'

/** The reply for what is looked up on the way: `X-Cache` is about the answer itself. */
export const unseen: Parameters<Resources['cache']['serve']>[0] = { header: () => {} }
