import type { Session } from '../state/session.ts'
import type { Publication } from './publication.ts'

/**
 * Closes the intervals of matches that ended or whose activity changed, and opens new ones: half open, so that at every
 * moment at most one of a left record holds. Whatever is open is closed, also where the table showed no row before: one
 * that was deleted by hand is restored as a new one. Reads `net_change`.
 */
export function writeHistory(session: Session, { match: { plan } }: Publication): void {
  session.background(
    session.query(
      // A clock that was set back must not make an interval end before it began.
      // Looked up one by one: the planner knows nothing of temporary tables and would read the whole history.
      `update syncline.match_history set valid_to = greatest(now(), valid_from) where ctid = any(array(
         select h.ctid from net_change n
          cross join lateral (
            select ctid from syncline.match_history h
             where h.match = $1 and h.left_id = n.left_id and h.valid_to is null offset 0) h
          where n.moved))`,
      [plan.name],
    ),
  )
  session.background(
    session.query(
      // The last interval by its beginning, which one index finds: for the greatest end every closed one was read.
      `insert into syncline.match_history as h
         (match, left_id, valid_from, right_id, left_active, right_active, as_of)
       select $1, n.left_id, greatest(now(), (
                select valid_to from syncline.match_history past
                 where past.match = $1 and past.left_id = n.left_id order by valid_from desc limit 1)),
              n.right_id, n.left_active, n.right_active, n.as_of
         from net_change n where n.moved and n.after is not null
       on conflict (match, left_id, valid_from) do update
         set valid_to = null, right_id = excluded.right_id, left_active = excluded.left_active,
             right_active = excluded.right_active, as_of = excluded.as_of`,
      [plan.name],
    ),
  )
}

/** Forgets changes and closed intervals that are older than they are to be kept. */
export async function purgeMatchHistory(
  session: Session,
  { changesMs, intervalsMs }: { changesMs: number; intervalsMs: number },
): Promise<void> {
  const older = "now() - $1 * interval '1 millisecond'"
  await session.query(`delete from syncline.match_change where changed_at < ${older}`, [changesMs])
  await session.query(`delete from syncline.match_history where valid_to < ${older}`, [intervalsMs])
}
