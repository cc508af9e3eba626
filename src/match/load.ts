import { setImmediate } from 'node:timers/promises'
import type { Value } from '../changes/change.ts'
import { BinaryRows } from '../state/binary-rows.ts'
import type { DecidedPair } from '../state/decisions.ts'
import type { Side } from '../state/key-table.ts'
import { copyPairs, copyRecords, eachRecord, otherSide, pairRows, recordRow } from '../state/matches.ts'
import type { NewRecord, ResidentSide } from '../state/resident-side.ts'
import type { Session } from '../state/session.ts'
import { pairDecided, pairSet, scoreCandidates, type ModelVersion } from './incremental.ts'
import { summandsOf, type Model, type Prepared, type PreparedValue } from './model.ts'

/**
 * Records between two looks at what else there is to do, a millisecond or two: some ten times a piece the server waits for
 * such a look, to be sent the next rows.
 */
const recordsPerTurn = 50

/** Rows in memory until they are sent, but for those of one record. */
const bytesAtOnce = 2 * 1024 * 1024

/** Records that one fetch brings when a side is read into memory. */
const recordsPerFetch = 5_000

/** A record that no version has seen yet; its values in the order of the model's fields. */
export interface LoadedRecord {
  readonly id: string
  readonly values: readonly Value[]
}

/** Records of one side that are new, and what reviewers decided about them. */
export interface LoadedSide {
  readonly side: Side
  readonly decided: readonly DecidedPair[]
  /** Best made one by one: all at once they are garbage that the collector has to carry about. */
  readonly records: Iterable<LoadedRecord>
}

interface PreparedRecord extends NewRecord {
  readonly prepared: Prepared
}

/** Records that were prepared, as the rows that are to be written of them. */
export interface PreparedRows {
  readonly side: Side
  readonly records: BinaryRows
  readonly keys: BinaryRows
  readonly pairs: BinaryRows
  /** Those of which the pairs are still to be found: the other side is not in memory. */
  readonly unpaired: readonly PreparedRecord[]
  readonly decided: readonly DecidedPair[]
}

/**
 * Takes the records of a side into memory where they are found best, if they are not there and fit: after a restart, or
 * when some of them were changed meanwhile.
 */
export async function recallRecords(session: Session, version: ModelVersion, side: Side): Promise<void> {
  await version.keys[side].fill(() => storedRecords(session, version, side))
}

/**
 * Prepares, blocks and scores new records of one side without asking the server anything, and takes them into memory. Rows
 * come in pieces of bounded size. Yields to other work now and then, for the server may wait for us meanwhile.
 *
 * Nothing of a record but its rows outlives its turn: as objects that were kept until they were sent, records took a
 * fifth of the CPU time of a snapshot, for the garbage collector.
 */
export async function* prepareRecords(
  { model: number, plan: { model }, keys }: ModelVersion,
  { side, decided, records }: LoadedSide,
): AsyncGenerator<PreparedRows, void, undefined> {
  const others = keys[otherSide(side)]
  const { resident } = others
  const isDecided = pairSet(decided)
  let rows = noRows()
  let unpaired: PreparedRecord[] = []
  const taken = (): PreparedRows => ({ side, ...rows, unpaired, decided })
  let count = 0
  for (const { id, values } of records) {
    if (count++ % recordsPerTurn === 0) await setImmediate()
    const record = prepare(model, id, values)
    recordRow(rows.records, { model: number, side }, record)
    keys[side].add(record, { rows: rows.keys, asker: others })
    if (resident) pairWith(resident, { number, model, side, record, isDecided, pairs: rows.pairs })
    else unpaired.push(record)
    if (rows.records.bytes + rows.keys.bytes + rows.pairs.bytes < bytesAtOnce) continue
    yield taken()
    rows = noRows()
    unpaired = []
  }
  yield taken()
}

const noRows = (): Pick<PreparedRows, 'records' | 'keys' | 'pairs'> => ({
  records: new BinaryRows(),
  keys: new BinaryRows(),
  pairs: new BinaryRows(),
})

/**
 * Adds prepared records to a version that is loading: rows, keys, and the scored pairs with records of the other side that
 * are there already. The same state as `rescore` leaves, by a shorter way: the other side is in memory as long as it
 * fits, and nothing can be there that would have to be compared or deleted. The statements are left to the server.
 */
export async function writeRecords(
  session: Session,
  version: ModelVersion,
  { side, records, keys, pairs, unpaired, decided }: PreparedRows,
): Promise<void> {
  session.background(copyRecords(session, version.model, records))
  session.background(version.keys[side].write(session, keys))
  session.background(copyPairs(session, version.model, pairs))
  if (unpaired.length > 0) {
    for await (const candidates of version.keys[otherSide(side)].find(session, unpaired)) {
      await scoreCandidates(session, version, { side, alive: unpaired, decided, candidates, dirty: null })
    }
  }
}

/** To be called when all records of which reviewers decided something are written. */
export async function writeDecided(
  session: Session,
  version: ModelVersion,
  { side, decided, records }: LoadedSide,
): Promise<void> {
  if (decided.length === 0) return
  const here = new Set(Array.from(records, ({ id }) => id))
  const ours = decided.filter(({ left, right }) => here.has(side === 'l' ? left : right))
  await pairDecided(session, version, { decided: ours, dirty: null })
}

function prepare(model: Model, id: string, values: readonly Value[]): PreparedRecord {
  const prepared = model.prepare(values)
  return { id, values, prepared, keys: model.keys(prepared) }
}

interface Pairing {
  readonly number: number
  readonly model: Model
  readonly side: Side
  readonly record: PreparedRecord
  readonly isDecided: (pair: { left: string; right: string }) => boolean
  readonly pairs: BinaryRows
}

/** Adds to `pairs` those of a record with the other side's that share a key and reach the floor. */
function pairWith(resident: ResidentSide, { number, model, side, record, isDecided, pairs }: Pairing): void {
  const found = resident.find(record.keys)
  if (found.length === 0) return
  const known = knownValues.get(resident) ?? new KnownValues(model, resident)
  knownValues.set(resident, known)
  const values = new Array<PreparedValue | null>(model.fields.length).fill(null)
  const other: Prepared = { values }
  for (const place of found) {
    for (let at = 0; at < model.compared.length; at++)
      values[model.compared[at] ?? 0] = known.value(place, at)
    const [ours, theirs] = side === 'l' ? [record.prepared, other] : [other, record.prepared]
    const score = model.score(ours, theirs)
    if (score < model.floor) continue
    const [left, right] = side === 'l' ? [record.id, resident.id(place)] : [resident.id(place), record.id]
    if (isDecided({ left, right })) continue
    pairRows(pairs, number, { left, right, score, summands: summandsOf(model, ours, theirs) })
  }
}

/** A power of two. Those of one field take a few megabytes. */
const rememberedValues = 4_096

/** Goes with the side that its values are of. */
const knownValues = new WeakMap<ResidentSide, KnownValues>()

/**
 * The prepared values of records in memory by their numbers: a look into an array where `model.prepare` looks up a text,
 * millions of times. A value takes the place of the one that fell there before it.
 */
class KnownValues {
  readonly #model: Model
  readonly #resident: ResidentSide
  readonly #fields: readonly { readonly numbers: Int32Array; readonly values: (PreparedValue | null)[] }[]

  constructor(model: Model, resident: ResidentSide) {
    this.#model = model
    this.#resident = resident
    this.#fields = model.compared.map(() => ({
      numbers: new Int32Array(rememberedValues).fill(-1),
      values: new Array<PreparedValue | null>(rememberedValues).fill(null),
    }))
  }

  /** The value that a record has `at` this place among the compared ones. */
  value(place: number, at: number): PreparedValue | null {
    const number = this.#resident.valueNumber(place, at)
    const field = this.#fields[at]
    if (number < 0 || !field) return null
    const slot = number & (rememberedValues - 1)
    if (field.numbers[slot] !== number) {
      field.numbers[slot] = number
      field.values[slot] = this.#prepare(at, this.#resident.value(at, number))
    }
    return field.values[slot] ?? null
  }

  #prepare(at: number, text: string): PreparedValue | null {
    const place = this.#model.compared[at] ?? 0
    const values: Value[] = []
    values[place] = text
    return this.#model.prepare(values).values[place] ?? null
  }
}

/** All records of one side as they are stored, with their keys. Needs an open transaction. */
async function* storedRecords(
  session: Session,
  { model: number, plan: { model } }: ModelVersion,
  side: Side,
): AsyncGenerator<NewRecord[]> {
  const stored = eachRecord(session, {
    model: number,
    side,
    width: model.fields.length,
    limit: recordsPerFetch,
  })
  for await (const records of stored) yield records.map(([id, values]) => prepare(model, id, values))
}
