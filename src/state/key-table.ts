import { BinaryRows } from './binary-rows.ts'
import { KeyFilter } from './key-filter.ts'
import type { Session } from './session.ts'

/** Left and right, as the state tables write them. */
export type Side = 'l' | 'r'

/** A record and some of its blocking keys. */
export interface RecordKeys {
  readonly id: string
  readonly keys: readonly number[]
}

/** A record on this side that has the key of a probe. */
export interface Candidate {
  readonly record: number
  readonly candidate: string
}

const filterBytes = 8 * 1024 * 1024

/** Candidates in memory at a time. */
const candidatesPerFetch = 10_000

/** Commits that read a table while none adds to it, before it counts as complete. */
const settledCommits = 4

/** Rows read in passing before a growing table gets its index all the same: about two seconds. */
const scanBudget = 20_000_000

/**
 * The blocking keys of one side of a model version. While the first snapshot fills it, it has no index: rows go in
 * several times as fast, and look-ups read the whole table. The index is made once the table is read without growing
 * any more, or has been read too much, or when the version is published.
 */
export class KeyTable {
  readonly #model: number
  readonly #side: Side
  readonly #name: string
  /** Null when keys were there before us that it would not know. */
  readonly #filter: KeyFilter | null
  #indexed: boolean
  #rows = 0
  #scanned = 0
  /** What the commits since the last `indexIfDue` did. */
  #grew = false
  #read = false
  #commitsSettled = 0
  /** Candidates handed out since it was opened, for figures. */
  found = 0

  private constructor(
    model: number,
    side: Side,
    { indexed, filter }: { indexed: boolean; filter: KeyFilter | null },
  ) {
    this.#model = model
    this.#side = side
    this.#name = keyTableName(model, side)
    this.#indexed = indexed
    this.#filter = filter
  }

  static async open(session: Session, model: number, side: Side): Promise<KeyTable> {
    const name = keyTableName(model, side)
    const [indexed, empty] = await session.one(
      `select exists (select from pg_index where indrelid = to_regclass($1)), not exists (select from ${name})`,
      [name],
    )
    const table = new KeyTable(model, side, {
      indexed: indexed === 't',
      filter: empty === 't' ? new KeyFilter(filterBytes) : null,
    })
    if (empty === 'f') await table.index(session)
    return table
  }

  /** The keys must not be there yet. */
  async insert(session: Session, records: readonly RecordKeys[]): Promise<void> {
    if (records.length === 0) return
    for (const { keys } of records) {
      this.#rows += keys.length
      if (this.#filter) for (const key of keys) this.#filter.add(key)
    }
    await session.copy(
      `copy ${this.#name} (model, key, side, id) from stdin (format binary)`,
      binaryRows(this.#model, this.#side, records),
    )
    this.#grew = true
  }

  async delete(session: Session, records: readonly RecordKeys[]): Promise<void> {
    if (records.length === 0) return
    this.#noteScan()
    await session.query(
      `delete from ${this.#name} k using unnest($3::bigint[], $4::text[]) as gone(key, id)
        where k.model = $1 and k.side = $2 and k.key = gone.key and k.id = gone.id`,
      [
        this.#model,
        this.#side,
        records.flatMap(({ keys }) => keys),
        records.flatMap(({ id, keys }) => keys.map(() => id)),
      ],
    )
  }

  /**
   * The ids that have a key of one of the `records`, each with the place of that record, in pieces of bounded size
   * whatever the size of a block; one that shares several keys comes several times. Needs an open transaction.
   */
  async *find(session: Session, records: readonly RecordKeys[]): AsyncGenerator<Candidate[]> {
    const probes: number[] = []
    const places: number[] = []
    records.forEach(({ keys }, place) => {
      for (const key of keys) {
        if (this.#filter?.mayHave(key) === false) continue
        probes.push(key)
        places.push(place)
      }
    })
    if (probes.length === 0) return
    this.#noteScan()
    // By index each key is looked up by itself: while tables fill, a planner with old statistics would join them
    // whole. Without one the table is read once; its own conditions are left out, for they would be underestimated.
    const { text, bound } = this.#indexed
      ? {
          text: `cross join lateral (select id from ${this.#name} stored
             where stored.model = $3 and stored.key = probe.key and stored.side = $4 offset 0) k`,
          bound: [this.#model, this.#side],
        }
      : { text: `join ${this.#name} k on k.key = probe.key`, bound: [] }
    await session.query(
      `declare candidate no scroll cursor for
       select probe.record, k.id from unnest($1::bigint[], $2::integer[]) as probe(key, record) ${text}`,
      // As literals: the driver would quote each number.
      [`{${probes.join(',')}}`, `{${places.join(',')}}`, ...bound],
    )
    for (;;) {
      const rows = await session.query(`fetch ${candidatesPerFetch} from candidate`)
      this.found += rows.length
      if (rows.length > 0)
        yield rows.map(([record, candidate]) => ({ record: Number(record), candidate: candidate ?? '' }))
      if (rows.length < candidatesPerFetch) break
    }
    session.background(session.query('close candidate'))
  }

  /** To be called after each commit. */
  async indexIfDue(session: Session): Promise<void> {
    if (this.#grew) this.#commitsSettled = 0
    else if (this.#read) this.#commitsSettled += 1
    this.#grew = this.#read = false
    const due = this.#commitsSettled >= settledCommits || this.#scanned > scanBudget
    if (due) await this.index(session)
  }

  /** Makes the index unless it is there. Within a transaction, which may yet be rolled back, see `committed`. */
  async index(session: Session): Promise<void> {
    const mark = `index of ${this.#name}`
    if (this.#indexed || session.prepared.has(mark)) return
    await session.query(`alter table ${this.#name} add primary key (key, id, side, model)`)
    if (session.inTransaction) session.prepared.set(mark, '')
    else this.#indexed = true
  }

  /** To be called after the commit of a transaction that called `index`: only then look-ups rely on it. */
  committed(session: Session): void {
    this.#indexed ||= session.prepared.has(`index of ${this.#name}`)
  }

  #noteScan(): void {
    if (this.#indexed) return
    this.#scanned += this.#rows
    this.#read = this.#rows > 0
  }
}

function* binaryRows(model: number, side: Side, records: readonly RecordKeys[]): Generator<Buffer> {
  const rows = new BinaryRows()
  for (const { id, keys } of records) {
    for (const key of keys) {
      rows.begin(4)
      rows.integer(model)
      rows.bigint(key)
      rows.text(side)
      rows.text(id)
      if (rows.isFull) yield rows.take()
    }
  }
  yield rows.end()
}

export const keyTableName = (model: number, side: Side): string => `syncline.match_key_${model}_${side}`
