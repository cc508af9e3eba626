import type { Value } from '../changes/change.ts'
import type { KeyRow, KeyTable, Side } from '../state/key-table.ts'
import { deletePairsOf, otherSide, readRecords, upsertPairs, type Pair } from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import type { Model, Prepared } from './model.ts'

/** A record of one side before and after; null where it does not exist. */
export interface RecordChange {
  readonly id: string
  readonly before: readonly Value[] | null
  readonly after: readonly Value[] | null
}

/** A stored model version: its number, its functions and its keys. */
export interface ModelVersion {
  readonly model: number
  readonly plan: { readonly model: Model }
  readonly keys: Readonly<Record<Side, KeyTable>>
}

interface Alive {
  readonly id: string
  readonly prepared: Prepared
  readonly keys: readonly number[]
}

/** Records whose candidates are fetched and scored at a time; bounds memory where blocks are large. */
const recordsPerScoring = 500

/**
 * Brings blocking keys and scored pairs up to date with changed records of one side, whose rows in `match_record`
 * are written already. Each pair is found when the later of its two records comes by, so the order in which the
 * sides arrive does not matter.
 */
export async function rescore(
  session: Session,
  version: ModelVersion,
  side: Side,
  changes: readonly RecordChange[],
): Promise<void> {
  const { alive, goneKeys, newKeys } = keyChanges(version.plan.model, changes)
  const known = changes.filter(({ before }) => before !== null).map(({ id }) => id)
  session.pipeline(deletePairsOf(session, version.model, side, known))
  session.pipeline(version.keys[side].delete(session, goneKeys))
  session.pipeline(version.keys[side].insert(session, newKeys))
  const candidates = await findCandidates(version.keys[otherSide(side)], session, alive)
  for (let start = 0; start < alive.length; start += recordsPerScoring) {
    const some = alive.slice(start, start + recordsPerScoring)
    await scoreCandidates(
      session,
      version,
      side,
      some.map((record, i) => ({ record, candidates: candidates[start + i] ?? [] })),
    )
  }
}

/** For each record the ids of the other side that share a key with it, each once. */
async function findCandidates(
  keys: KeyTable,
  session: Session,
  records: readonly Alive[],
): Promise<Set<string>[]> {
  const candidates = records.map(() => new Set<string>())
  const probes = records.flatMap((record, index) => record.keys.map((key) => ({ key, record: index })))
  for (const { record, candidate } of await keys.find(session, probes)) candidates[record]?.add(candidate)
  return candidates
}

function keyChanges(
  model: Model,
  changes: readonly RecordChange[],
): { alive: Alive[]; goneKeys: KeyRow[]; newKeys: KeyRow[] } {
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
  return { alive, goneKeys, newKeys }
}

async function scoreCandidates(
  session: Session,
  { model: number, plan: { model } }: ModelVersion,
  side: Side,
  records: readonly { readonly record: Alive; readonly candidates: Iterable<string> }[],
): Promise<void> {
  const ids = [...new Set(records.flatMap(({ candidates }) => [...candidates]))]
  const rows = await readRecords(session, {
    model: number,
    side: otherSide(side),
    ids,
    width: model.fields.length,
  })
  const prepared = new Map([...rows].map(([id, fields]) => [id, model.prepare(fields)]))
  const pairs: Pair[] = []
  for (const { record, candidates } of records) {
    for (const id of candidates) {
      const candidate = prepared.get(id)
      if (!candidate) continue
      const pair = side === 'l' ? { left: record.id, right: id } : { left: id, right: record.id }
      const score =
        side === 'l' ? model.score(record.prepared, candidate) : model.score(candidate, record.prepared)
      if (score >= model.floor) pairs.push({ ...pair, score })
    }
  }
  session.pipeline(upsertPairs(session, number, pairs))
}
