/** The places at which a crash costs most, where tests make one happen. */
export type CrashPoint = 'before-publish' | 'after-publish' | 'before-ack'

/**
 * Ends the process as `kill -9` would if `CRASH_AT` names this point. Only crash tests set it, and a production service
 * refuses to start with it.
 */
export function crashPoint(point: CrashPoint, crashAt: string | undefined): void {
  if (crashAt === point) process.kill(process.pid, 'SIGKILL')
}
