import type { Session } from '../state/session.ts'
import type { Publication } from './publication.ts'

/**
 * Closes the intervals of matches that ended or whose activity changed, and opens new ones: half open, so that at every
 * moment exactly one holds. Reads `net_change`.
 */
export function writeHistory(session: Session, { match: { plan } }: Publication): void {
  session.background(
    session.query(
      // A clock that was set back must not make an interval end before it began.
      `update syncline.match_history h set valid_to = greatest(now(), h.valid_from) from net_change n
        where h.match = $1 and h.left_id = n.left_id and h.valid_to is null and n.moved and n.before is not null`,
      [plan.name],
    ),
  )
  session.background(
    session.query(
      `insert into syncline.match_history as h
         (match, left_id, valid_from, right_id, left_active, right_active, as_of)
       select $1, n.left_id, greatest(now(), (
                select max(valid_to) from syncline.match_history past where past.match = $1 and past.left_id = n.left_id)),
              n.right_id, n.left_active, n.right_active, n.as_of
         from net_change n where n.moved and n.after is not null
       on conflict (match, left_id, valid_from) do update
         set valid_to = null, right_id = excluded.right_id, left_active = excluded.left_active,
             right_active = excluded.right_active, as_of = excluded.as_of`,
      [plan.name],
    ),
  )
}

/** Forgets changes and closed intervals that are older than they are to be kept; null keeps for ever. */
export async function purgeMatchChanges(
  session: Session,
  { changesMs, historyMs }: { changesMs: number | null; historyMs: number | null },
): Promise<number> {
  const older = async (table: string, column: string, ms: number | null): Promise<number> =>
    ms === null
      ? 0
      : session.execute(
          `delete from syncline.${table} where ${column} < now() - $1 * interval '1 millisecond'`,
          [ms],
        )
  return (
    (await older('match_change', 'changed_at', changesMs)) +
    (await older('match_history', 'valid_to', historyMs))
  )
}
