import type { Column } from '../changes/column.ts'
import { isStorable } from './record-id.ts'
import type { Session } from './session.ts'

export type Resync = 'fresh' | 'merge'

export interface StreamState {
  readonly columns: readonly Column[]
  /** Null outside of a resync. */
  readonly resync: Resync | null
}

export async function readStreams(session: Session): Promise<Map<string, StreamState>> {
  const rows = await session.query('select stream, columns, resync from syncline.stream')
  return new Map(
    rows.map(([stream, columns, resync]) => [
      stream ?? '',
      { columns: JSON.parse(columns ?? '[]') as Column[], resync: (resync ?? null) as Resync | null },
    ]),
  )
}

export async function writeStreamColumns(
  session: Session,
  { stream, source, columns }: { stream: string; source: string; columns: readonly Column[] },
): Promise<void> {
  await session.query(
    `insert into syncline.stream as stream (stream, source, columns) values ($1, $2, $3::jsonb)
     on conflict (stream) do update set source = excluded.source, columns = excluded.columns
       where (stream.source, stream.columns) is distinct from (excluded.source, excluded.columns)`,
    [stream, source, JSON.stringify(columns)],
  )
}

/** Opens the resync of a stream of so many rows, or closes it (null), and forgets what an earlier one has seen. */
export async function setResync(
  session: Session,
  stream: string,
  begun: { readonly resync: Resync; readonly rows: number } | null,
): Promise<void> {
  await session.query('delete from syncline.resync_seen where stream = $1', [stream])
  await session.query(
    'update syncline.stream set resync = $2, resync_rows = $3::bigint, resync_began_at = now() where stream = $1',
    [stream, begun?.resync ?? null, begun === null ? null : String(begun.rows)],
  )
}

/** Rows of the stream when its resync began; null when that was not counted. */
export async function readResyncRows(session: Session, stream: string): Promise<number | null> {
  const [rows = null] = await session.one('select resync_rows from syncline.stream where stream = $1', [
    stream,
  ])
  return rows === null ? null : Number(rows)
}

/** Notes records as seen during a resync that merges. */
export async function markSeen(session: Session, stream: string, ids: readonly string[]): Promise<void> {
  const storable = ids.filter(isStorable)
  if (storable.length === 0) return
  await session.query(
    `insert into syncline.resync_seen (stream, id)
     select $1, id from unnest($2::text[]) as seen(id) on conflict do nothing`,
    [stream, storable],
  )
}
