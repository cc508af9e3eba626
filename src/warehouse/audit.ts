import type { Audit } from '../changes/change-batch.ts'
import { BinaryRows } from '../state/binary-rows.ts'
import { identifier } from '../state/identifiers.ts'
import { isStorable, recordId, recordIdSql } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { keyOf, mirrorName, type Mirror } from './mirror-table.ts'
import type { WarehouseState } from './warehouse-state.ts'

/**
 * Compares rows of the source with the mirror, within the commit that applies all changes up to where they were read,
 * so that both are as of one moment. Notes what differs; writes no mirrored row. A record with an open dead letter is
 * known to differ and is passed over, and so is one whose id is too long to be taken in.
 */
export async function compareWithMirror(
  session: Session,
  audit: Audit,
  state: WarehouseState,
): Promise<void> {
  const { stream, first, last } = audit
  const rows = audit.rows.filter(({ key }) => isStorable(recordId(key)))
  const mirror = state.mirror(stream)
  if (first) {
    await forget(session, stream)
    state.audited.add(stream)
  }
  // A part of a reading that another process began: what that one saw is not known to be complete.
  if (!state.audited.has(stream)) return
  if (rows.length > 0) {
    await stageRows(session, mirror, rows)
    await noteDifferences(session, mirror)
    await session.query('truncate audited_row')
    const ids = rows.map(({ key }) => recordId(key))
    await markAudited(session, stream, ids)
    await session.query('update syncline.audit set compared = compared + $2 where stream = $1', [
      stream,
      ids.length,
    ])
  }
  if (last) {
    await noteExtras(session, mirror)
    await session.query('delete from syncline.audit_seen where stream = $1', [stream])
    await session.query('update syncline.audit set finished_at = clock_timestamp() where stream = $1', [
      stream,
    ])
    state.audited.delete(stream)
  }
}

/** A record that changes during a comparison is as its changes are, and no extra one. */
export async function markAudited(session: Session, stream: string, ids: readonly string[]): Promise<void> {
  await session.query(
    `insert into syncline.audit_seen (stream, id)
     select $1, id from unnest($2::text[]) as seen(id) on conflict do nothing`,
    [stream, ids.filter(isStorable)],
  )
}

async function forget(session: Session, stream: string): Promise<void> {
  await session.query('delete from syncline.audit_seen where stream = $1', [stream])
  await session.query('delete from syncline.audit_difference where stream = $1', [stream])
  await session.query(
    `insert into syncline.audit (stream) values ($1)
     on conflict (stream) do update set began_at = clock_timestamp(), finished_at = null, compared = 0`,
    [stream],
  )
}

/** As text: rows are compared byte by byte with what Postgres prints of the mirror. */
async function stageRows(session: Session, mirror: Mirror, rows: Audit['rows']): Promise<void> {
  await session.query(
    `create temporary table if not exists audited_row (id text collate "C", value text[]) on commit drop`,
  )
  const binary = new BinaryRows()
  for (const { key, row } of rows) {
    binary.begin(2)
    binary.text(recordId(key))
    binary.textArray(mirror.columns.map(({ name }) => row[name] ?? null))
  }
  await session.copy('copy audited_row (id, value) from stdin (format binary)', binary.end())
}

async function noteDifferences(session: Session, mirror: Mirror): Promise<void> {
  const key = keyOf(mirror)
  const joined = key
    .map(({ name, type }) => {
      const place = mirror.columns.findIndex((column) => column.name === name) + 1
      return `mirror.${identifier(name)} = audited.value[${place}]::${type}`
    })
    .join(' and ')
  const printed = mirror.columns.map(({ name }) => `mirror.${identifier(name)}::text`).join(', ')
  const present = `mirror.${identifier(key[0]?.name ?? '')} is not null`
  await session.query(
    `insert into syncline.audit_difference (stream, id, kind)
     select $1, audited.id, case when ${present} then 'different' else 'missing' end
       from audited_row audited left join ${mirrorName(mirror)} mirror on ${joined}
      where (not ${present} or array[${printed}] is distinct from audited.value)
        and not ${hasOpenLetterSql('audited.id')}
     on conflict (stream, id) do update set kind = excluded.kind, found_at = excluded.found_at`,
    [mirror.stream],
  )
}

async function noteExtras(session: Session, mirror: Mirror): Promise<void> {
  const id = recordIdSql(
    'mirror',
    keyOf(mirror).map(({ name }) => name),
  )
  await session.query(
    `insert into syncline.audit_difference (stream, id, kind)
     select $1, ${id}, 'extra' from ${mirrorName(mirror)} mirror
      where not exists (select from syncline.audit_seen seen where seen.stream = $1 and seen.id = ${id})
        and not ${hasOpenLetterSql(id)}
     on conflict do nothing`,
    [mirror.stream],
  )
}

function hasOpenLetterSql(id: string): string {
  return `exists (select from syncline.dead_letter letter
    where letter.stream = $1 and letter.id = ${id} and letter.closed_at is null)`
}
