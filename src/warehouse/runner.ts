import type { Row } from '../changes/change.ts'
import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Ledger } from '../changes/ledger.ts'
import type { Source } from '../changes/source.ts'

export interface RunnerOptions {
  readonly source: Source
  /** The committed position to go on from. */
  readonly after: string | null
  readonly ledger: Ledger
  readonly signal: AbortSignal
  readonly anew?: boolean
  /** How many bytes of batches may wait while a commit is under way. */
  readonly bufferBytes: number
  /** Told of each batch when it was read, long before its commit perhaps. */
  readonly onRead?: (batch: ChangeBatch) => void
  /** `more` gives what has gathered meanwhile and may go into the same commit; null once there is nothing more of it. */
  readonly commit: (batch: ChangeBatch, more: () => ChangeBatch | null) => Promise<void>
  /**
   * Runs the taking of what has gathered, and its commit, when it is this source's turn. What comes while it waits for
   * its turn goes with it: taken before, it would wait for the turn after, behind whoever writes in between.
   */
  readonly turn?: (work: () => Promise<void>) => Promise<void>
}

/**
 * Pulls batches from one source and commits them in order. While a commit is under way the next batches are read
 * ahead, bounded in bytes, and what has gathered is committed as one: batches grow under load and stay small when
 * idle. Returns when the source ends.
 */
export async function runSource({
  source,
  after,
  ledger,
  signal,
  anew = false,
  bufferBytes,
  onRead,
  commit,
  turn = (work) => work(),
}: RunnerOptions): Promise<void> {
  const reading = new AbortController()
  const stop = AbortSignal.any([signal, reading.signal])
  const iterator = source.open({ after, ledger, signal: stop, anew })[Symbol.asyncIterator]()
  const waiting = new Waiting(bufferBytes)
  const reader = readAhead(iterator, waiting, onRead)
  try {
    while (await waiting.filled()) {
      signal.throwIfAborted()
      await turn(async () => {
        const batch = waiting.take()
        if (batch) await commit(batch, waiting.following(batch))
      })
    }
  } finally {
    reading.abort()
    waiting.close()
    await reader
    await iterator.return?.()
  }
}

async function readAhead(
  iterator: AsyncIterator<ChangeBatch>,
  waiting: Waiting,
  onRead: RunnerOptions['onRead'],
): Promise<void> {
  try {
    for (;;) {
      const next = await iterator.next()
      if (next.done === true) break
      onRead?.(next.value)
      if (!(await waiting.put(next.value))) break
      if (next.value.rest !== undefined) await waiting.asked()
    }
    waiting.finish()
  } catch (error) {
    waiting.fail(error)
  }
}

/** A queue of batches bounded in bytes, with one reader and one writer. */
class Waiting {
  readonly #limitBytes: number
  #batches: { batch: ChangeBatch; bytes: number }[] = []
  #bytes = 0
  #state: 'open' | 'finished' | 'closed' = 'open'
  #failure: { error: unknown } | undefined
  #asking = false
  #wake: () => void = () => undefined

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Waits until there is room. Returns false when nobody will take any more. */
  async put(batch: ChangeBatch): Promise<boolean> {
    const bytes = batchBytes(batch)
    while (this.#batches.length > 0 && this.#bytes + bytes > this.#limitBytes && this.#state === 'open') {
      await this.#change()
    }
    if (this.#state !== 'open') return false
    this.#batches.push({ batch, bytes })
    this.#bytes += bytes
    this.#wake()
    return true
  }

  /** Waits until something has gathered. Returns false after the end; throws what the source threw. */
  async filled(): Promise<boolean> {
    this.#asking = true
    this.#wake()
    while (this.#batches.length === 0 && this.#state === 'open' && !this.#failure) await this.#change()
    this.#asking = false
    if (this.#batches.length === 0 && this.#failure) throw this.#failure.error
    return this.#batches.length > 0
  }

  /** All that has gathered and may be committed together; null if nothing has. */
  take(): ChangeBatch | null {
    const taken = this.#batches.splice(0, mergeable(this.#batches.map(({ batch }) => batch)))
    for (const { bytes } of taken) this.#bytes -= bytes
    this.#wake()
    return merge(taken.map(({ batch }) => batch))
  }

  /**
   * What may be committed with a batch that was taken, one batch after the other as they come: while tables are read for
   * the first time, each commit is a pause of the server and ours, which nothing fills.
   */
  following(first: ChangeBatch): () => ChangeBatch | null {
    let isOpen = !endsCommit(first)
    return () => {
      const [next] = this.#batches
      isOpen &&= next !== undefined && isPlain(next.batch)
      if (!isOpen || !next) return null
      this.#batches.shift()
      this.#bytes -= next.bytes
      this.#wake()
      return next.batch
    }
  }

  /** Waits until all is taken and more is asked for: what was taken is committed then. */
  async asked(): Promise<void> {
    while (!(this.#asking && this.#batches.length === 0) && this.#state === 'open') await this.#change()
  }

  finish(): void {
    this.#state = 'finished'
    this.#wake()
  }

  fail(error: unknown): void {
    this.#failure = { error }
    this.#wake()
  }

  close(): void {
    this.#state = 'closed'
    this.#batches = []
    this.#wake()
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      const previous = this.#wake
      this.#wake = () => {
        this.#wake = () => undefined
        previous()
        resolve()
      }
    })
  }
}

/**
 * How many of the first batches may become one commit. One with rejected records is the last of it, since what is
 * rejected comes after what is changed; so is one with an audit, since what is compared with the mirror must meet it as
 * it is there, not as later changes leave it, and one that has judged what vanished, which is told of each by itself. One that
 * is still being read stands alone.
 */
function mergeable(batches: readonly ChangeBatch[]): number {
  const place = batches.findIndex(endsCommit)
  if (place === -1) return batches.length
  return batches[place]?.rest === undefined ? place + 1 : Math.max(place, 1)
}

function endsCommit({ changes, rejected, audit, rest, vanished }: ChangeBatch): boolean {
  return (
    rejected.length > 0 ||
    audit !== undefined ||
    rest !== undefined ||
    vanished !== undefined ||
    changes.at(-1)?.kind === 'resync-end'
  )
}

/** Rows that are there, and nothing that decides about others. */
const isPlain = (batch: ChangeBatch): boolean =>
  !endsCommit(batch) &&
  (batch.retracted ?? []).length === 0 &&
  batch.changes.every(({ kind }) => kind === 'upsert')

function merge(batches: readonly ChangeBatch[]): ChangeBatch | null {
  const [first] = batches
  const last = batches.at(-1)
  if (!first || !last) return null
  if (batches.length === 1) return first
  return {
    before: first.before,
    after: last.after,
    changes: batches.flatMap(({ changes }) => changes),
    rejected: batches.flatMap(({ rejected }) => rejected),
    retracted: batches.flatMap(({ retracted = [] }) => retracted),
    ledger: batches.flatMap(({ ledger }) => ledger),
    // A batch without changes of rows has none, and says nothing of those before it.
    committedAt: batches.findLast(({ committedAt }) => committedAt !== null)?.committedAt ?? null,
    ...(last.audit === undefined ? {} : { audit: last.audit }),
    ...(last.vanished === undefined ? {} : { vanished: last.vanished }),
  }
}

/** About what a batch occupies in memory. */
function batchBytes(batch: ChangeBatch): number {
  let bytes = 512
  for (const change of batch.changes) {
    bytes += 96
    if (change.kind === 'upsert') bytes += rowBytes(change.row)
  }
  for (const { row } of batch.audit?.rows ?? []) bytes += 96 + rowBytes(row)
  for (const { raw, reason } of batch.rejected) bytes += 256 + raw.length + reason.length
  return bytes
}

function rowBytes(row: Row): number {
  let bytes = 0
  for (const name in row) bytes += 24 + (row[name]?.length ?? 0)
  return bytes
}
