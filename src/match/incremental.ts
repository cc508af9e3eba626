import type { Value } from '../changes/change.ts'
import type { Candidate, KeyTable, RecordKeys, Side } from '../state/key-table.ts'
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

/** Whether keys or scores may follow: a value that is only shown changes neither. */
export function affectsPairs({ compared }: Model, { before, after }: RecordChange): boolean {
  return !before || !after || compared.some((place) => before[place] !== after[place])
}

interface Alive extends RecordKeys {
  readonly prepared: Prepared
}

/**
 * Brings blocking keys and scored pairs up to date with changed records of one side, whose rows in `match_record`
 * are written already. Each pair is found when the later of its two records comes by, so the order in which the
 * sides arrive does not matter.
 */
export async function rescore(
  session: Session,
  version: ModelVersion,
  side: Side,
  all: readonly RecordChange[],
): Promise<void> {
  const changes = all.filter((change) => affectsPairs(version.plan.model, change))
  if (changes.length === 0) return
  const { alive, goneKeys, newKeys } = keyChanges(version.plan.model, changes)
  const known = changes.filter(({ before }) => before !== null).map(({ id }) => id)
  session.background(deletePairsOf(session, version.model, side, known))
  session.background(version.keys[side].delete(session, goneKeys))
  session.background(version.keys[side].insert(session, newKeys))
  for await (const candidates of version.keys[otherSide(side)].find(session, alive)) {
    await scoreCandidates(session, version, { side, alive, candidates })
  }
}

function keyChanges(
  model: Model,
  changes: readonly RecordChange[],
): { alive: Alive[]; goneKeys: RecordKeys[]; newKeys: RecordKeys[] } {
  const alive: Alive[] = []
  const goneKeys: RecordKeys[] = []
  const newKeys: RecordKeys[] = []
  for (const { id, before, after } of changes) {
    const record = after && aliveOf(model, id, after)
    if (record) alive.push(record)
    const keys = record?.keys ?? []
    const old = before ? model.keys(model.prepare(before)) : []
    const added = old.length === 0 ? keys : keys.filter((key) => !old.includes(key))
    const gone = old.filter((key) => !keys.includes(key))
    if (added.length > 0) newKeys.push({ id, keys: added })
    if (gone.length > 0) goneKeys.push({ id, keys: gone })
  }
  return { alive, goneKeys, newKeys }
}

function aliveOf(model: Model, id: string, values: readonly Value[]): Alive {
  const prepared = model.prepare(values)
  return { id, prepared, keys: model.keys(prepared) }
}

async function scoreCandidates(
  session: Session,
  { model: number, plan: { model } }: ModelVersion,
  { side, alive, candidates }: { side: Side; alive: readonly Alive[]; candidates: readonly Candidate[] },
): Promise<void> {
  const candidatesOf = new Map<number, Set<string>>()
  for (const { record, candidate } of candidates) {
    const known = candidatesOf.get(record)
    if (known) known.add(candidate)
    else candidatesOf.set(record, new Set([candidate]))
  }
  const ids = [...new Set(candidates.map(({ candidate }) => candidate))]
  const rows = await readRecords(session, {
    model: number,
    side: otherSide(side),
    ids,
    width: model.fields.length,
  })
  const prepared = new Map([...rows].map(([id, fields]) => [id, model.prepare(fields)]))
  const pairs: Pair[] = []
  for (const [index, others] of candidatesOf) {
    const record = alive[index]
    if (!record) continue
    for (const id of others) {
      const other = prepared.get(id)
      if (!other) continue
      const pair = side === 'l' ? { left: record.id, right: id } : { left: id, right: record.id }
      const score = side === 'l' ? model.score(record.prepared, other) : model.score(other, record.prepared)
      if (score >= model.floor) pairs.push({ ...pair, score })
    }
  }
  session.background(upsertPairs(session, number, pairs))
}
