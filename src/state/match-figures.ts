import type { Session } from './session.ts'

/** Notes how many waves a commit took, if no other took as many. */
export function noteLongestPath(session: Session, model: number, waves: number): void {
  if (waves === 0) return
  session.background(
    session.query(
      `insert into syncline.match_figure as figure (model, longest_path, longest_path_at) values ($1, $2, now())
       on conflict (model) do update
         set longest_path = excluded.longest_path, longest_path_at = excluded.longest_path_at
       where figure.longest_path < excluded.longest_path`,
      [model, waves],
    ),
  )
}

/** For alerts. */
export interface MatchFigures {
  readonly match: string
  readonly model: number
  /** The most waves that one commit took until the match was stable again. */
  readonly longestPath: number
  /** About how many records of one side share one blocking key at most, by the planner's statistics. */
  readonly largestBlock: number
  /** Records, and joined rows with many records, that wait to be re-matched. */
  readonly queued: number
  readonly fannedOut: number
  /** How long the oldest of them has waited, in milliseconds; null when none waits. */
  readonly queueAgeMs: number | null
}

/** Cheap enough to be asked every few seconds but for a queue of millions, which it counts. */
export async function readMatchFigures(session: Session): Promise<MatchFigures[]> {
  const rows = await session.query(
    `select m.match, m.model, coalesce(f.longest_path, 0), coalesce(block.records, 0), queue.records, fan_out.records,
            extract(epoch from clock_timestamp() - least(queue.since, fan_out.since)) * 1000
       from syncline.model m
       left join syncline.match_figure f on f.model = m.model
      cross join lateral (
        select round(max(s.most_common_freqs[1] * c.reltuples)) as records
          from pg_stats s join pg_class c on c.relname = s.tablename
          join pg_namespace n on n.oid = c.relnamespace and n.nspname = s.schemaname
         where s.schemaname = 'syncline' and s.attname = 'key'
           and s.tablename in ('match_key_' || m.model || '_l', 'match_key_' || m.model || '_r')) block
      cross join lateral (select count(*) as records, min(queued_at) as since
                            from syncline.match_queue q where q.model = m.model) queue
      cross join lateral (select count(*) as records, min(queued_at) as since
                            from syncline.match_fan_out o where o.model = m.model) fan_out
      order by m.match, m.model`,
  )
  return rows.map(([match, model, longestPath, largestBlock, queued, fannedOut, ageMs]) => ({
    match: match ?? '',
    model: Number(model),
    longestPath: Number(longestPath),
    largestBlock: Number(largestBlock),
    queued: Number(queued),
    fannedOut: Number(fannedOut),
    queueAgeMs: ageMs == null ? null : Math.round(Number(ageMs)),
  }))
}
