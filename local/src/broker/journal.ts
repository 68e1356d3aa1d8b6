import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { ByteReader, ByteWriter } from './bytes.ts'
import { decodeChange, encodeChange } from './change-codec.ts'
import { lockDirectory } from './directory-lock.ts'
import { DurableState, type Change } from './durable-state.ts'
import { LogFile } from './log-file.ts'

/** Where the broker writes what must survive its process. */
export interface Journal {
  /** What earlier processes left. */
  readonly state: DurableState
  append(change: Change): void
  /** Hands everything appended since the last call to the operating system, as one record. */
  flush(): void
  close(): Promise<void>
}

export interface JournalOptions {
  /** A log below this size, in bytes, is not compacted while the broker runs. */
  readonly compactAbove?: number
}

const chunk = 1_048_576
// At start everything waits for it, so more than half of the log must be dead.
const worthwhile = 2
const smallLog = 65_536
// Rewriting costs the live part, so it must earn a multiple of it.
const growthFactor = 3

/** For a broker that keeps nothing. */
export function forgetfulJournal(): Journal {
  return { state: new DurableState(), append() {}, flush() {}, close: async () => {} }
}

/**
 * Opens the log in `directory`, which is made if need be and locked until the journal is closed, replays it, and
 * compacts it when much of it is dead.
 * @throws DirectoryLockedError when another process has it, DamagedLogError when it cannot be read.
 */
export async function openJournal(directory: string, options: JournalOptions = {}): Promise<Journal> {
  mkdirSync(directory, { recursive: true })
  const unlock = lockDirectory(directory)
  try {
    const path = join(directory, 'broker.log')
    const state = new DurableState()
    const log = replay(path, state)
    const journal = new FileJournal(log, state, options.compactAbove ?? 16 * chunk, unlock)
    if (log.size > worthwhile * state.liveBytes + smallLog) await journal.compact()
    return journal
  } catch (error) {
    unlock()
    throw error
  }
}

// The messages stay views of what was read, which is bounded because the log is kept in proportion to what lives in it.
function replay(path: string, state: DurableState): LogFile {
  rmSync(temporary(path), { force: true })
  if (!existsSync(path)) return LogFile.create(temporary(path)).renameTo(path)
  const log = LogFile.open(path)
  for (const record of log.records()) {
    const reader = new ByteReader(record)
    while (!reader.atEnd) state.apply(decodeChange(reader))
  }
  return log
}

function temporary(path: string): string {
  return `${path}.new`
}

class FileJournal implements Journal {
  readonly state: DurableState
  readonly #pending = new ByteWriter()
  readonly #unlock: () => void
  #log: LogFile
  #compactAbove: number
  #compaction: Promise<void> | undefined
  #closed = false

  constructor(log: LogFile, state: DurableState, compactAbove: number, unlock: () => void) {
    this.#log = log
    this.state = state
    this.#compactAbove = compactAbove
    this.#unlock = unlock
  }

  append(change: Change): void {
    this.state.apply(change)
    encodeChange(this.#pending, change)
  }

  flush(): void {
    if (this.#pending.length === 0) return
    this.#log.append(this.#pending.view())
    this.#pending.clear()
    if (this.#overgrown) this.#compactInBackground()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    await this.#compaction
    this.#log.close()
    this.#unlock()
  }

  /**
   * Rewrites the log as the shortest one that leads to the present state. Meanwhile changes go on into the old log; those
   * are copied over last, in the one step without a pause that also renames. A kill at any moment leaves one whole log.
   */
  async compact(): Promise<void> {
    const from = this.#log.size
    const fresh = LogFile.create(temporary(this.#log.path))
    try {
      for (const batch of batches(this.state.snapshot())) {
        fresh.append(batch)
        await setImmediate()
      }
      await fresh.sync()
      this.#replaceLog(fresh, from)
    } catch (error) {
      fresh.close()
      rmSync(fresh.path, { force: true })
      throw error
    }
  }

  #replaceLog(fresh: LogFile, from: number): void {
    for (let offset = from; offset < this.#log.size; offset += chunk) {
      fresh.appendRaw(this.#log.read(offset, Math.min(chunk, this.#log.size - offset)))
    }
    const old = this.#log
    this.#log = fresh.renameTo(old.path)
    old.close()
  }

  get #overgrown(): boolean {
    const { size } = this.#log
    return !this.#compaction && !this.#closed && size > this.#compactAbove && size > growthFactor * this.state.liveBytes
  }

  // A log that cannot be rewritten, because the disk is nearly full, is still a good log: go on, and try later again.
  #compactInBackground(): void {
    this.#compaction = this.compact()
      .catch(() => {
        this.#compactAbove = this.#log.size * 2
      })
      .finally(() => {
        this.#compaction = undefined
      })
  }
}

/** Encodes changes into records of about one {@link chunk}. A view: the next one overwrites it. */
function* batches(changes: readonly Change[]): Generator<Buffer, void, void> {
  const writer = new ByteWriter()
  for (const change of changes) {
    encodeChange(writer, change)
    if (writer.length < chunk) continue
    yield writer.view()
    writer.clear()
  }
  if (writer.length > 0) yield writer.view()
}
