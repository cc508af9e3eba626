import { setImmediate } from 'node:timers/promises'
import type { Value } from '../changes/change.ts'
import type { DecidedPair } from '../state/decisions.ts'
import type { Side } from '../state/key-table.ts'
import { copyPairs, copyRecords, eachRecord, otherSide, type StoredPair } from '../state/matches.ts'
import type { NewRecord, ResidentSide } from '../state/resident-side.ts'
import type { Session } from '../state/session.ts'
import { pairDecided, pairSet, scoreCandidates, type ModelVersion } from './incremental.ts'
import { summandsOf, type Model, type Prepared, type PreparedValue } from './model.ts'

/** Records between two looks at what else there is to do: a few milliseconds. */
const recordsPerTurn = 200

/** Pairs in memory at a time, but for those of one record. */
const pairsAtOnce = 20_000

/** Records that one fetch brings when a side is read into memory. */
const recordsPerFetch = 5_000

/** A record that no version has seen yet; `after`: its values in the order of the model's fields. */
export interface LoadedRecord {
  readonly id: string
  readonly after: readonly Value[]
}

interface PreparedRecord extends NewRecord {
  readonly prepared: Prepared
}

export interface PreparedRecords {
  readonly records: readonly LoadedRecord[]
  readonly alive: readonly PreparedRecord[]
  /** Of the first records with those of the other side that are in memory. */
  readonly pairs: readonly StoredPair[]
  /** How many records these are: fewer than there are when pairs abound, none when Postgres has to be asked. */
  readonly paired: number
}

/**
 * Takes the records of a side into memory where they are found best, if they are not there and fit: after a restart, or
 * when some of them were changed meanwhile.
 */
export async function recallRecords(session: Session, version: ModelVersion, side: Side): Promise<void> {
  await version.keys[side].fill(() => storedRecords(session, version, side))
}

/**
 * Prepares, blocks and scores records of one side without asking the server anything. Yields now and then, for the server
 * may wait for us meanwhile.
 */
export async function prepareRecords(
  { plan: { model }, keys }: ModelVersion,
  side: Side,
  records: readonly LoadedRecord[],
): Promise<PreparedRecords> {
  const { resident } = keys[otherSide(side)]
  const alive: PreparedRecord[] = []
  const pairs: StoredPair[] = []
  let paired = 0
  for (const { id, after } of records) {
    if (alive.length % recordsPerTurn === 0) await setImmediate()
    const record = prepare(model, id, after)
    alive.push(record)
    if (!resident || pairs.length >= pairsAtOnce) continue
    pairWith(resident, { model, side, record, pairs })
    paired++
  }
  return { records, alive, pairs, paired }
}

/**
 * Adds prepared records to a version that is loading: rows, keys, and the scored pairs with records of the other side that
 * are there already. The same state as `rescore` leaves, by a shorter way: the other side is in memory as long as it
 * fits, and nothing can be there that would have to be compared or deleted. The statements are left to the server.
 */
export async function writeRecords(
  session: Session,
  version: ModelVersion,
  { side, decided, records, alive, pairs, paired }: PreparedRecords & WrittenSide,
): Promise<void> {
  const { model, keys } = version
  session.background(copyRecords(session, { model, side }, records))
  session.background(keys[side].load(session, alive))
  const isDecided = pairSet(decided)
  session.background(copyPairs(session, model, undecided(pairs, isDecided)))
  const { resident } = keys[otherSide(side)]
  const rest = alive.slice(paired)
  if (resident) {
    for (const more of pairsOf(resident, { version, side, records: rest })) {
      await copyPairs(session, model, undecided(more, isDecided))
    }
  } else {
    for await (const candidates of keys[otherSide(side)].find(session, rest)) {
      await scoreCandidates(session, version, { side, alive: rest, decided, candidates })
    }
  }
  if (decided.length > 0) {
    const here = new Set(alive.map(({ id }) => id))
    const ours = decided.filter(({ left, right }) => here.has(side === 'l' ? left : right))
    await pairDecided(session, version, ours)
  }
}

interface WrittenSide {
  readonly side: Side
  readonly decided: readonly DecidedPair[]
}

function undecided(
  pairs: readonly StoredPair[],
  isDecided: (pair: StoredPair) => boolean,
): readonly StoredPair[] {
  return pairs.filter((pair) => !isDecided(pair))
}

/** The pairs of records with those in memory, in pieces of bounded size. */
function* pairsOf(
  resident: ResidentSide,
  { version, side, records }: { version: ModelVersion; side: Side; records: readonly PreparedRecord[] },
): Generator<StoredPair[]> {
  const { model } = version.plan
  let pairs: StoredPair[] = []
  for (const record of records) {
    pairWith(resident, { model, side, record, pairs })
    if (pairs.length < pairsAtOnce) continue
    yield pairs
    pairs = []
  }
  if (pairs.length > 0) yield pairs
}

function prepare(model: Model, id: string, values: readonly Value[]): PreparedRecord {
  const prepared = model.prepare(values)
  return { id, values, prepared, keys: model.keys(prepared) }
}

/** Adds to `pairs` those of a record with the other side's that share a key and reach the floor. */
function pairWith(
  resident: ResidentSide,
  { model, side, record, pairs }: { model: Model; side: Side; record: PreparedRecord; pairs: StoredPair[] },
): void {
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
    pairs.push({ left, right, score, summands: summandsOf(model, ours, theirs) })
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
