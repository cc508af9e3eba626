import type { Clock } from '../runtime/clock.ts'
import { FencedError, OperatorError } from '../runtime/errors.ts'
import type { Session } from './session.ts'

export interface LeaseOptions {
  readonly holder: string
  /** A holder whose heartbeat is older than this may be taken over. */
  readonly expiryMs: number
  /** How long to wait for another holder to stop or expire. */
  readonly waitMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Bounds how long one attempt may take to be answered; absent: it is not bounded. */
  readonly bounded?: (attempt: Promise<AttemptOutcome>) => Promise<AttemptOutcome>
  /** Told once when somebody else holds the lease. */
  readonly onWait?: (holder: string) => void
}

/** The new term, or who holds the lease. */
type AttemptOutcome = bigint | { readonly holder: string }

/** Sessions of a term carry it in their name, so that a takeover can end them. */
export function termSessionName(term: bigint): string {
  return `syncline term ${term}`
}

/**
 * Becomes the single writer and returns the new term; `session` must stay open as long as it is held. A holder is taken over when none of its sessions is left
 * (its process is gone) or when its heartbeat has expired (it hangs); its remaining sessions are then ended, so a
 * writer paused inside a transaction blocks nobody and can never commit.
 */
export async function acquireLease(session: Session, options: LeaseOptions): Promise<bigint> {
  const bounded = options.bounded ?? ((attempt: Promise<AttemptOutcome>) => attempt)
  const deadline = options.clock.now() + options.waitMs
  for (let waited = false; ; waited = true) {
    const outcome = await bounded(tryAcquire(session, options))
    if (typeof outcome === 'bigint') return outcome
    if (!waited) options.onWait?.(outcome.holder)
    if (options.clock.now() >= deadline) {
      throw new OperatorError({
        area: 'server',
        code: 'lease-held',
        message: `another Syncline is writing to this warehouse: ${outcome.holder}`,
        hint: 'stop it first, or wait until it has finished',
      })
    }
    await options.clock.sleep(200, options.signal)
  }
}

async function tryAcquire(session: Session, options: LeaseOptions): Promise<AttemptOutcome> {
  return session.transaction(async () => {
    await session.query(`insert into syncline.lease (term, holder) values (0, '') on conflict do nothing`)
    // Taking over must not wait for a paused writer's row lock: end its sessions first, then take the row.
    const [term, holder, expired, sessions] = await session.one(
      `select l.term, l.holder,
              coalesce(h.beaten_at < clock_timestamp() - $1 * interval '1 millisecond', true),
              (select count(*) from pg_stat_activity a
                where a.application_name = 'syncline term ' || l.term and a.datname = current_database()
                  and a.pid <> pg_backend_pid())
         from syncline.lease l left join syncline.heartbeat h on h.term = l.term`,
      [options.expiryMs],
    )
    if (Number(sessions) > 0 && expired === 'f') return { holder: holder ?? '' }
    await session.query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where application_name = 'syncline term ' || $1 and datname = current_database()
          and pid <> pg_backend_pid()`,
      [term ?? '0'],
    )
    const taken = await session.query(
      `update syncline.lease set term = term + 1, holder = $2, acquired_at = now()
        where term = $1 returning term`,
      [term ?? '0', options.holder],
    )
    const mine = taken[0]?.[0]
    if (mine === undefined || mine === null) return { holder: 'somebody who was faster' }
    await session.query(
      `insert into syncline.heartbeat (term) values ($1)
       on conflict (only_row) do update set term = excluded.term, beaten_at = clock_timestamp()`,
      [mine],
    )
    // From here on this session is one of the term: nobody may think that the holder is gone.
    await session.query(`select set_config('application_name', 'syncline term ' || $1, false)`, [mine])
    return BigInt(mine)
  })
}

/** Says that the holder of `term` is alive. Returns false when the term is over. */
export async function beat(session: Session, term: bigint): Promise<boolean> {
  const count = await session.execute(
    'update syncline.heartbeat set beaten_at = clock_timestamp() where term = $1',
    [term.toString()],
  )
  return count === 1
}

/** The last statement before every commit: fails when another writer has taken over. */
export async function fence(session: Session, term: bigint): Promise<void> {
  const rows = await session.query('select 1 from syncline.lease where term = $1 for share', [
    term.toString(),
  ])
  if (rows.length === 0) {
    throw new FencedError({
      code: 'lease-lost',
      message: `term ${term} is over: another Syncline has taken over, nothing of this commit was written`,
      hint: 'let only one Syncline write to a warehouse, or run the others as standbys',
    })
  }
}
