import type { Json } from '../changes/ledger.ts'
import type { Session } from './session.ts'

export interface ReportedStatus {
  readonly source: string
  readonly status: Json
  /** Milliseconds since the status was told. */
  readonly ageMs: number
}

/** Tells how sources are doing; those that are not named any more are forgotten. */
export async function writeSourceStatus(
  session: Session,
  term: bigint,
  statuses: ReadonlyMap<string, Json>,
): Promise<void> {
  await session.query(
    `with told as (
       insert into syncline.source_status as s (source, term, status)
       select source, $1, status::jsonb from unnest($2::text[], $3::text[]) as told(source, status)
       on conflict (source) do update
         set term = excluded.term, status = excluded.status, reported_at = clock_timestamp()
         where s.term <= excluded.term)
     delete from syncline.source_status where term <= $1 and source <> all($2)`,
    [term.toString(), [...statuses.keys()], [...statuses.values()].map((status) => JSON.stringify(status))],
  )
}

export async function readSourceStatus(session: Session): Promise<ReportedStatus[]> {
  const rows = await session.query(
    `select source, status, round(extract(epoch from clock_timestamp() - reported_at) * 1000)
       from syncline.source_status order by source`,
  )
  return rows.map(([source, status, age]) => ({
    source: source ?? '',
    status: JSON.parse(status ?? 'null') as Json,
    ageMs: Number(age),
  }))
}
