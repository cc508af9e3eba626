import type { Value } from '../changes/change.ts'
import {
  deleteKeys,
  deletePairsOf,
  findCandidates,
  insertKeys,
  otherSide,
  readRecords,
  upsertPairs,
  type KeyRow,
  type Pair,
  type Side,
} from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import type { Model, Prepared } from './model.ts'

/** A record of one side before and after; null where it does not exist. */
export interface RecordChange {
  readonly id: string
  readonly before: readonly Value[] | null
  readonly after: readonly Value[] | null
}

interface Alive {
  readonly id: string
  readonly prepared: Prepared
  readonly keys: readonly number[]
}

/** Candidates fetched and scored at a time; bounds memory where blocks are large. */
const recordsPerProbe = 1_000

/**
 * Brings blocking keys and scored pairs up to date with changed records of one side, whose rows in `match_record`
 * are written already. Each pair is found when the later of its two records comes by, so the order in which the
 * sides arrive does not matter.
 */
export async function rescore(
  session: Session,
  { number, model }: { number: number; model: Model },
  side: Side,
  changes: readonly RecordChange[],
): Promise<void> {
  const alive: Alive[] = []
  const goneKeys: KeyRow[] = []
  const newKeys: KeyRow[] = []
  for (const { id, before, after } of changes) {
    const old = new Set(before ? model.keys(model.prepare(before)) : [])
    if (after) {
      const prepared = model.prepare(after)
      const keys = model.keys(prepared)
      alive.push({ id, prepared, keys })
      for (const key of keys) if (!old.delete(key)) newKeys.push({ key, id })
    }
    for (const key of old) goneKeys.push({ key, id })
  }
  const known = changes.filter(({ before }) => before !== null).map(({ id }) => id)
  await deletePairsOf(session, number, side, known)
  await deleteKeys(session, number, side, goneKeys)
  await insertKeys(session, number, side, newKeys)
  for (let start = 0; start < alive.length; start += recordsPerProbe) {
    await scoreCandidates(session, {
      number,
      model,
      side,
      records: alive.slice(start, start + recordsPerProbe),
    })
  }
}

async function scoreCandidates(
  session: Session,
  { number, model, side, records }: { number: number; model: Model; side: Side; records: readonly Alive[] },
): Promise<void> {
  const candidates = await findCandidates(session, {
    model: number,
    side,
    keys: records.flatMap(({ keys }, record) => keys.map((key) => ({ key, record }))),
  })
  if (candidates.length === 0) return
  const candidatesOf = records.map(() => new Set<string>())
  const ids = new Set<string>()
  for (const { record, candidate } of candidates) {
    candidatesOf[record]?.add(candidate)
    ids.add(candidate)
  }
  const rows = await readRecords(session, {
    model: number,
    side: otherSide(side),
    ids: [...ids],
    width: model.fields.length,
  })
  const prepared = new Map([...rows].map(([id, fields]) => [id, model.prepare(fields)]))
  const pairs: Pair[] = []
  records.forEach((record, index) => {
    for (const id of candidatesOf[index] ?? []) {
      const other = prepared.get(id)
      if (!other) continue
      const [left, right] =
        side === 'l' ? [record, { id, prepared: other }] : [{ id, prepared: other }, record]
      const score = model.score(left.prepared, right.prepared)
      if (score >= model.floor) pairs.push({ left: left.id, right: right.id, score })
    }
  })
  await upsertPairs(session, number, pairs)
}
