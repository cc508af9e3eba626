import type { Json, Ledger, LedgerEntry } from '../changes/ledger.ts'
import type { Session } from './session.ts'

/** Lines read at a time while scanning: one may be as large as a page of an API. */
const page = 50

/** The committed lines of one source, read on demand. */
export function ledgerOf(session: Session, source: string): Ledger {
  return {
    get: async (key) => {
      const rows = await session.query('select value from syncline.ledger where source = $1 and key = $2', [
        source,
        key,
      ])
      const value = rows[0]?.[0]
      return value === undefined || value === null ? undefined : (JSON.parse(value) as Json)
    },
    scan: async function* (prefix) {
      let last = ''
      for (;;) {
        const rows = await session.query(
          `select key, value from syncline.ledger
            where source = $1 and key > $2 and starts_with(key, $3) order by key limit ${page}`,
          [source, last, prefix],
        )
        for (const [key, value] of rows) {
          if (key == null || value == null) continue
          yield { key, value: JSON.parse(value) as Json }
          last = key
        }
        if (rows.length < page) return
      }
    },
  }
}

/** Writes and removes lines, all sent at once; of several for one key the last one counts. */
export async function writeLedger(
  session: Session,
  source: string,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const last = new Map(entries.map(({ key, value }) => [key, value]))
  const removed = [...last].filter(([, value]) => value === undefined).map(([key]) => key)
  const written = [...last].filter(([, value]) => value !== undefined)
  const statements: Promise<unknown>[] = []
  if (removed.length > 0) {
    statements.push(
      session.query('delete from syncline.ledger where source = $1 and key = any($2)', [source, removed]),
    )
  }
  if (written.length > 0) {
    statements.push(
      session.query(
        `insert into syncline.ledger (source, key, value)
         select $1, key, value::jsonb from unnest($2::text[], $3::text[]) as line(key, value)
         on conflict (source, key) do update set value = excluded.value`,
        [source, written.map(([key]) => key), written.map(([, value]) => JSON.stringify(value))],
      ),
    )
  }
  await Promise.all(statements)
}
