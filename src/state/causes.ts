import type { Session } from './session.ts'

/** Why a match changes. */
export type Cause =
  | {
      readonly kind: 'source'
      readonly source: string
      readonly position: string
      /** When the source committed it, as Postgres prints a `timestamptz` or in milliseconds since the epoch. */
      readonly committedAt: number | string | null
    }
  | { readonly kind: 'clock' }
  | { readonly kind: 'review'; readonly by: string }
  | { readonly kind: 'model' }

/** The columns `kind, source, position, committed_at`. */
export function causeColumns(cause: Cause): (string | null)[] {
  switch (cause.kind) {
    case 'source': {
      const { source, position, committedAt } = cause
      const at = typeof committedAt === 'number' ? new Date(committedAt).toISOString() : committedAt
      return ['source', source, position, at]
    }
    case 'review':
      return ['review', cause.by, null, null]
    case 'clock':
    case 'model':
      return [cause.kind, null, null, null]
    default:
      return cause satisfies never
  }
}

/** Stores a cause for what is put off, and returns its number. */
export async function storeCause(session: Session, cause: Cause): Promise<string> {
  const [number] = await session.one(
    `insert into syncline.match_cause (cause, kind, source, position, committed_at)
     select greatest((select max(cause) from syncline.match_cause), (select max(cause) from syncline.match_queue),
                     (select max(cause) from syncline.match_fan_out), 0) + 1, $1, $2, $3, $4::timestamptz
     returning cause`,
    causeColumns(cause),
  )
  return number ?? ''
}

export interface WaitingCause {
  readonly number: string
  readonly cause: Cause
}

/** The cause that waits longest; null when nothing waits. Causes for which nothing waits are forgotten. */
export async function longestWaiting(session: Session): Promise<WaitingCause | null> {
  const [row] = await session.query(
    `select w.cause, c.kind, c.source, c.position, c.committed_at
       from (select least((select min(cause) from syncline.match_queue),
                          (select min(cause) from syncline.match_fan_out)) as cause) w
       left join syncline.match_cause c on c.cause = w.cause`,
  )
  const number = row?.[0]
  session.background(
    session.query('delete from syncline.match_cause where cause < coalesce($1, 9223372036854775807)', [
      number ?? null,
    ]),
  )
  if (number == null) return null
  return { number, cause: causeOf(row?.slice(1) ?? []) }
}

function causeOf([kind, source, position, committedAt]: readonly (string | null)[]): Cause {
  if (kind === 'source') {
    return { kind, source: source ?? '', position: position ?? '', committedAt: committedAt ?? null }
  }
  if (kind === 'review') return { kind, by: source ?? '' }
  return kind === 'clock' ? { kind } : { kind: 'model' }
}
