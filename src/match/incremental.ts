import type { Value } from '../changes/change.ts'
import { noteDirty } from '../state/assignments.ts'
import { readDecisions, type DecidedPair } from '../state/decisions.ts'
import type { Candidate, KeyTable, RecordKeys, Side } from '../state/key-table.ts'
import {
  deletePair,
  deletePairsOf,
  otherSide,
  readRecords,
  upsertPairs,
  type StoredPair,
} from '../state/matches.ts'
import type { Session } from '../state/session.ts'
import { summandsOf, type Model, type Prepared } from './model.ts'
import { mustScore } from './order.ts'

/** A record of one side before and after; null where it does not exist. */
export interface RecordChange {
  readonly id: string
  readonly before: readonly Value[] | null
  readonly after: readonly Value[] | null
}

/** A stored model version: its number, its functions and its keys. */
export interface ModelVersion {
  readonly model: number
  /** `name`: of the match, by which reviewers' decisions are found. */
  readonly plan: { readonly name: string; readonly model: Model }
  readonly keys: Readonly<Record<Side, KeyTable>>
}

export interface Alive extends RecordKeys {
  readonly prepared: Prepared
}

/**
 * Brings blocking keys and scored pairs up to date with changed records of one side, whose rows in `match_record`
 * are written already. Each pair is found when the later of its two records comes by, so the order in which the
 * sides arrive does not matter. `isLive`: the assignment has to follow, so records whose pairs may have changed are
 * noted as dirty; most have none, before or after.
 */
export async function rescore(
  session: Session,
  version: ModelVersion & { readonly isLive: boolean },
  side: Side,
  changes: readonly RecordChange[],
): Promise<void> {
  if (changes.length === 0) return
  const { alive, goneKeys, newKeys } = keyChanges(version.plan.model, changes)
  const known = changes.filter(({ before }) => before !== null).map(({ id }) => id)
  session.background(deletePairsOf(session, version.model, { side, ids: known, dirty: version.isLive }))
  session.background(version.keys[side].delete(session, goneKeys))
  session.background(version.keys[side].insert(session, newKeys))
  const dirty = version.isLive ? side : null
  const ids = alive.map(({ id }) => id)
  const reading = readDecisions(session, { match: version.plan.name, side, ids })
  session.background(reading)
  for await (const candidates of version.keys[otherSide(side)].find(session, alive)) {
    await scoreCandidates(session, version, { side, alive, decided: await reading, candidates, dirty })
  }
  await pairDecided(session, version, { decided: await reading, dirty })
}

/** Pairs that must be, when both records are there; a partner that comes later finds them itself. */
export async function pairDecided(
  session: Session,
  { model: number, plan: { model } }: ModelVersion,
  { decided, dirty }: { decided: readonly DecidedPair[]; dirty: Side | null },
): Promise<void> {
  const must = decided.filter(({ verdict }) => verdict === 'must')
  const read = async (side: Side, ids: string[]): Promise<Map<string, Value[]>> =>
    readRecords(session, { model: number, side, ids, width: model.fields.length })
  const lefts = await read(
    'l',
    must.map(({ left }) => left),
  )
  const rights = await read(
    'r',
    must.map(({ right }) => right),
  )
  const pairs = must.flatMap(({ left, right }): StoredPair[] => {
    const [ours, theirs] = [lefts.get(left), rights.get(right)]
    if (!ours || !theirs) return []
    const summands = summandsOf(model, model.prepare(ours), model.prepare(theirs))
    return [{ left, right, score: mustScore, summands }]
  })
  writePairs(session, number, { pairs, dirty })
}

/** `dirty`: the side of the pairs' records to be noted, of those that changed; null: none. */
function writePairs(
  session: Session,
  number: number,
  { pairs, dirty }: { pairs: readonly StoredPair[]; dirty: Side | null },
): void {
  session.background(upsertPairs(session, number, pairs))
  if (dirty === null) return
  const ids = pairs.map(({ left, right }) => (dirty === 'l' ? left : right))
  noteDirty(session, number, dirty, ids)
}

/**
 * Brings the stored pair of two records up to date with what reviewers decided about it. Returns whether both records
 * are there; otherwise the decision lies dormant.
 */
export async function rescorePair(
  session: Session,
  { model: number, plan: { name, model } }: ModelVersion,
  { left, right }: { left: string; right: string },
): Promise<boolean> {
  const read = async (side: Side, id: string): Promise<Prepared | null> => {
    const rows = await readRecords(session, { model: number, side, ids: [id], width: model.fields.length })
    const fields = rows.get(id)
    return fields ? model.prepare(fields) : null
  }
  const [ours, theirs] = [await read('l', left), await read('r', right)]
  if (!ours || !theirs) return false
  const decided = await readDecisions(session, { match: name, side: 'l', ids: [left] })
  const verdict = decided.find((pair) => pair.right === right)?.verdict
  const score = verdict === 'must' ? mustScore : verdict === 'cannot' ? null : scoreOf(model, ours, theirs)
  if (score === null) await deletePair(session, number, { left, right })
  else await upsertPairs(session, number, [{ left, right, score, summands: summandsOf(model, ours, theirs) }])
  return true
}

/** Null for what is no candidate pair, or scores below the floor. */
function scoreOf(model: Model, left: Prepared, right: Prepared): number | null {
  const keys = new Set(model.keys(left))
  if (!model.keys(right).some((key) => keys.has(key))) return null
  const score = model.score(left, right)
  return score >= model.floor ? score : null
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

export function aliveOf(model: Model, id: string, values: readonly Value[]): Alive {
  const prepared = model.prepare(values)
  return { id, prepared, keys: model.keys(prepared) }
}

export async function scoreCandidates(
  session: Session,
  { model: number, plan: { model } }: ModelVersion,
  {
    side,
    alive,
    decided,
    candidates,
    dirty,
  }: {
    side: Side
    alive: readonly Alive[]
    decided: readonly DecidedPair[]
    candidates: readonly Candidate[]
    dirty: Side | null
  },
): Promise<void> {
  const isDecided = pairSet(decided)
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
  const pairs: StoredPair[] = []
  for (const [index, others] of candidatesOf) {
    const record = alive[index]
    if (!record) continue
    for (const id of others) {
      const other = prepared.get(id)
      if (!other) continue
      const pair = side === 'l' ? { left: record.id, right: id } : { left: id, right: record.id }
      if (isDecided(pair)) continue
      const [ours, theirs] = side === 'l' ? [record.prepared, other] : [other, record.prepared]
      const score = model.score(ours, theirs)
      if (score >= model.floor) pairs.push({ ...pair, score, summands: summandsOf(model, ours, theirs) })
    }
  }
  writePairs(session, number, { pairs, dirty })
}

export function pairSet(pairs: readonly DecidedPair[]): (pair: { left: string; right: string }) => boolean {
  if (pairs.length === 0) return () => false
  const rightsOf = new Map<string, Set<string>>()
  for (const { left, right } of pairs) {
    const rights = rightsOf.get(left) ?? new Set()
    rightsOf.set(left, rights.add(right))
  }
  return ({ left, right }) => rightsOf.get(left)?.has(right) === true
}
