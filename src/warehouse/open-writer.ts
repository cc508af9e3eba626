import { hostname } from 'node:os'
import type { Clock } from '../runtime/clock.ts'
import { FencedError, OperatorError, TransientError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Releasers } from '../runtime/releasers.ts'
import { acquireLease, beat, termSessionName } from '../state/lease.ts'
import { ensureSchema, migrate } from '../state/migrate.ts'
import { Session } from '../state/session.ts'
import { oldestVersion } from './preflight.ts'

const heartbeatMs = 2_000
const expiryMs = 10_000

/**
 * A warehouse that answers no heartbeat, nor who waits for the lease, for so long is taken for gone. A link may swallow everything without either side
 * being told; the system would give it up after a quarter of an hour, and until then nobody could even stop us.
 */
const silentMs = 30_000

const defaultWaitMs = 30_000

export interface WriterOptions {
  readonly url: string
  readonly schema: string
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly releasers: Releasers
  /** How long to wait for another writer to end, in milliseconds; half a minute unless told. */
  readonly waitMs?: number
  /** Told once when another writer holds the lease. */
  readonly onStandby?: (holder: string) => void
}

export interface Writer {
  readonly term: bigint
  /** The one connection that commits. */
  readonly session: Session
  /** A connection of the same term for what is read beside it. */
  readonly reader: Session
  /** A connection of the same term for what is not part of a commit: commands, how sources are doing. */
  readonly control: Session
  /** Aborted, with the reason, when another writer has taken over or the warehouse is silent; then all sessions are ended. */
  readonly fenced: AbortSignal
}

/** Connects, migrates, becomes the single writer and keeps the lease alive until released. */
export async function openWriter(options: WriterOptions): Promise<Writer> {
  const { url, schema, clock, log, signal, releasers, waitMs = defaultWaitMs, onStandby } = options
  // Nothing else is asked of it once the lease is held: whatever takes long elsewhere keeps no heartbeat waiting.
  const heart = await Session.connect({ url, applicationName: 'syncline' })
  releasers.push(() => heart.close())
  await refuseOldServer(heart)
  const { applied } = await migrate(heart)
  if (applied.length > 0) log.info({ applied }, 'migrated the state schema')
  const term = await acquireLease(heart, {
    holder: `pid ${process.pid} on ${hostname()}`,
    expiryMs,
    waitMs,
    clock,
    signal,
    bounded: (attempt) => answered(attempt, { session: heart, clock }),
    onWait: (holder) => {
      log.info({ holder }, 'waiting for the writer before us')
      onStandby?.(holder)
    },
  })
  await ensureSchema(heart, schema)
  const sessions: Session[] = []
  const fenced = keepAlive(heart, { term, clock, releasers, sessions })
  const connect = async (): Promise<Session> => {
    const session = await Session.connect({ url, applicationName: termSessionName(term) })
    releasers.push(() => session.close())
    // What was opened meanwhile is not among those that were ended.
    if (fenced.aborted) session.destroy()
    fenced.throwIfAborted()
    sessions.push(session)
    return session
  }
  return { term, session: await connect(), reader: await connect(), control: await connect(), fenced }
}

function keepAlive(
  heart: Session,
  {
    term,
    clock,
    releasers,
    sessions,
  }: { term: bigint; clock: Clock; releasers: Releasers; sessions: readonly Session[] },
): AbortSignal {
  const fenced = new AbortController()
  const released = new AbortController()
  const beating = (async () => {
    while (!released.signal.aborted) {
      await clock.sleep(heartbeatMs, released.signal)
      if (!(await answered(beat(heart, term), { session: heart, clock }))) {
        throw new FencedError({
          code: 'lease-lost',
          message: `term ${term} is over: another Syncline has taken over`,
          hint: 'let only one Syncline write to a warehouse, or run the others as standbys',
        })
      }
    }
  })().catch((error: unknown) => {
    if (!released.signal.aborted) fenced.abort(error)
    if (error instanceof TransientError) for (const one of sessions) one.destroy()
  })
  releasers.push(async () => {
    released.abort()
    await beating
  })
  return fenced.signal
}

/** What the session answers; when it does not, it is ended, and a `TransientError` thrown. */
async function answered<T>(
  answer: Promise<T>,
  { session, clock }: { session: Session; clock: Clock },
): Promise<T> {
  const done = new AbortController()
  const silent = clock.sleep(silentMs, done.signal).then(() => {
    session.destroy()
    throw new TransientError({
      code: 'warehouse-silent',
      message: `the warehouse at ${session.address} has answered nothing for ${silentMs / 1000} seconds`,
      hint: 'Look whether it can be reached and is not stopped; Syncline connects again by itself.',
    })
  })
  try {
    return await Promise.race([answer, silent])
  } finally {
    done.abort()
  }
}

async function refuseOldServer(session: Session): Promise<void> {
  const [version] = await session.one(`select current_setting('server_version_num')`)
  if (Number(version) >= oldestVersion) return
  throw new OperatorError({
    area: 'configuration',
    code: 'warehouse-too-old',
    message: `the warehouse runs Postgres ${version}, Syncline needs ${oldestVersion} (14) or later`,
    hint: 'upgrade Postgres, or leave the warehouse url out to use the embedded one',
  })
}
