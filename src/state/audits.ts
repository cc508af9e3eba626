import type { Session } from './session.ts'

/** What a comparison of a stream with its source found, in records. */
export type AuditReport = {
  readonly stream: string
  readonly beganAt: string
  readonly finishedAt: string | null
  readonly compared: number
  readonly missing: number
  readonly different: number
  readonly extra: number
  /** The first differences by key, at most `sampleSize`. */
  readonly sample: readonly { readonly id: string; readonly kind: string }[]
}

const sampleSize = 20

/** The last comparison of a stream; null if there was none. */
export async function findAudit(session: Session, stream: string): Promise<AuditReport | null> {
  const [row] = await session.query(
    `select to_json(began_at at time zone 'UTC') #>> '{}', to_json(finished_at at time zone 'UTC') #>> '{}', compared,
            count(d.id) filter (where kind = 'missing'), count(d.id) filter (where kind = 'different'),
            count(d.id) filter (where kind = 'extra')
       from syncline.audit a left join syncline.audit_difference d using (stream)
      where a.stream = $1 group by a.stream`,
    [stream],
  )
  if (!row) return null
  const [beganAt, finishedAt = null, compared, missing, different, extra] = row
  const sample = await session.query(
    `select id, kind from syncline.audit_difference where stream = $1 order by id limit ${sampleSize}`,
    [stream],
  )
  return {
    stream,
    beganAt: `${beganAt}Z`,
    finishedAt: finishedAt === null ? null : `${finishedAt}Z`,
    compared: Number(compared),
    missing: Number(missing),
    different: Number(different),
    extra: Number(extra),
    sample: sample.map(([id, kind]) => ({ id: id ?? '', kind: kind ?? '' })),
  }
}

export function differences({ missing, different, extra }: AuditReport): number {
  return missing + different + extra
}
