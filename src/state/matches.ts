import type { Value } from '../changes/change.ts'
import { BinaryRows } from './binary-rows.ts'
import type { Side } from './key-table.ts'
import type { Session } from './session.ts'

export const otherSide = (side: Side): Side => (side === 'l' ? 'r' : 'l')

export interface Pair {
  readonly left: string
  readonly right: string
  /** Thousandths of a bit. */
  readonly score: number
}

export interface StoredPair extends Pair {
  /** What the score is the sum of, as JSON, see `summandsOf`. */
  readonly summands: string
}

/** The fields of a row of `match_record`, one column each. */
export function fieldsSql(alias: string, width: number): string {
  return Array.from({ length: width }, (_, place) => `${alias}.fields[${place + 1}]`).join(', ')
}

/** The fields of records by id; ids without a record are absent. */
export async function readRecords(
  session: Session,
  { model, side, ids, width }: { model: number; side: Side; ids: readonly string[]; width: number },
): Promise<Map<string, Value[]>> {
  if (ids.length === 0) return new Map()
  const rows = await session.query(
    `select id, ${fieldsSql('record', width)} from syncline.match_record_${model} record
      where model = $1 and side = $2 and id = any($3)`,
    [model, side, ids],
  )
  return new Map(rows.map(([id, ...fields]) => [id ?? '', fields]))
}

/** All records of one side with their fields, at most `limit` in memory at a time. Needs an open transaction. */
export async function* eachRecord(
  session: Session,
  { model, side, width, limit }: { model: number; side: Side; width: number; limit: number },
): AsyncGenerator<[id: string, fields: Value[]][]> {
  const columns = Array.from({ length: width }, (_, i) => `fields[${i + 1}]`).join(', ')
  await session.query(
    `declare stored_record no scroll cursor for
     select id, ${columns} from syncline.match_record_${model} where model = $1 and side = $2`,
    [model, side],
  )
  try {
    for (;;) {
      const rows = await session.query(`fetch ${limit} from stored_record`)
      if (rows.length > 0) yield rows.map(([id, ...fields]) => [id ?? '', fields])
      if (rows.length < limit) return
    }
  } finally {
    session.background(session.query('close stored_record'))
  }
}

/** Adds a record to rows that `copyRecords` writes. */
export function recordRow(
  rows: BinaryRows,
  { model, side }: { model: number; side: Side },
  { id, values }: { readonly id: string; readonly values: readonly Value[] },
): void {
  rows.begin(4)
  rows.integer(model)
  rows.text(side)
  rows.text(id)
  rows.textArray(values)
}

/** Writes records that are not there yet. */
export async function copyRecords(session: Session, model: number, rows: BinaryRows): Promise<void> {
  if (rows.count === 0) return
  await session.copy(
    `copy syncline.match_record_${model} (model, side, id, fields) from stdin (format binary)`,
    rows.end(),
  )
}

/** Removes every pair of the given records, on both of its sides. `dirty`: notes the records that had one. */
export async function deletePairsOf(
  session: Session,
  model: number,
  { side, ids, dirty }: { side: Side; ids: readonly string[]; dirty: boolean },
): Promise<void> {
  if (ids.length === 0) return
  const noted = `, noted as (
       insert into dirty_record (model, side, id) select $1, $2, id from gone on conflict do nothing)`
  await session.query(
    `with gone as (
       delete from syncline.match_pair_${model} where model = $1 and side = $2 and id = any($3) returning id, partner)
     ${dirty ? noted : ''}
     delete from syncline.match_pair_${model} p using gone
      where p.model = $1 and p.side = $4 and p.id = gone.partner and p.partner = gone.id`,
    [model, side, ids, otherSide(side)],
  )
}

export async function deletePair(
  session: Session,
  model: number,
  { left, right }: { left: string; right: string },
): Promise<void> {
  await session.query(
    `delete from syncline.match_pair_${model}
      where model = $1 and ((side = 'l' and id = $2 and partner = $3) or (side = 'r' and id = $3 and partner = $2))`,
    [model, left, right],
  )
}

/** Adds a pair to rows that `copyPairs` writes, once for each side. */
export function pairRows(
  rows: BinaryRows,
  model: number,
  { left, right, score, summands }: StoredPair,
): void {
  pairRow(rows, { model, side: 'l', id: left, partner: right, score, summands })
  pairRow(rows, { model, side: 'r', id: right, partner: left, score, summands: null })
}

function pairRow(
  rows: BinaryRows,
  row: { model: number; side: Side; id: string; partner: string; score: number; summands: string | null },
): void {
  rows.begin(6)
  rows.integer(row.model)
  rows.text(row.side)
  rows.text(row.id)
  rows.text(row.partner)
  rows.integer(row.score)
  if (row.summands === null) rows.null()
  else rows.text(row.summands)
}

/** Writes pairs that are not there yet. */
export async function copyPairs(session: Session, model: number, rows: BinaryRows): Promise<void> {
  if (rows.count === 0) return
  await session.copy(
    `copy syncline.match_pair_${model} (model, side, id, partner, score, summands) from stdin (format binary)`,
    rows.end(),
  )
}

/** Writes pairs, once for each side; a pair that is there already gets the new score. */
export async function upsertPairs(
  session: Session,
  model: number,
  pairs: readonly StoredPair[],
): Promise<void> {
  if (pairs.length === 0) return
  await session.query(
    `insert into syncline.match_pair_${model} (model, side, id, partner, score, summands)
     select $1, side, case side when 'l' then l else r end, case side when 'l' then r else l end, score,
            case side when 'l' then summands::json end
       from unnest($2::text[], $3::text[], $4::integer[], $5::text[]) as pair(l, r, score, summands),
            (values ('l'::"char"), ('r'::"char")) as side(side)
     on conflict (model, side, id, partner) do update set score = excluded.score, summands = excluded.summands`,
    [
      model,
      pairs.map(({ left }) => left),
      pairs.map(({ right }) => right),
      pairs.map(({ score }) => score),
      pairs.map(({ summands }) => summands),
    ],
  )
}
