import { BinaryRows } from './binary-rows.ts'
import { KeyFilter } from './key-filter.ts'
import { ResidentSide, type NewRecord } from './resident-side.ts'
import type { Session } from './session.ts'

/** Left and right, as the state tables write them. */
export type Side = 'l' | 'r'

/** A record and some of its blocking keys. */
export interface RecordKeys {
  readonly id: string
  readonly keys: readonly number[]
}

export interface KeyTableOptions {
  readonly model: number
  readonly side: Side
  /** The places of the values on which scores depend. */
  readonly compared: readonly number[]
  /** What its records may occupy in memory; 32 MiB unless told. */
  readonly residentBytes?: number
}

/** A record on this side that has the key of a probe. */
export interface Candidate {
  readonly record: number
  readonly candidate: string
}

const filterBytes = 8 * 1024 * 1024

/** What the records of one side may occupy: about 220,000 of the shipped model. */
const defaultResidentBytes = 32 * 1024 * 1024

/** Candidates in memory at a time. */
const candidatesPerFetch = 10_000

/**
 * The other side has all its records, it seems, when it has some and does not ask while so many come: memory is given
 * back. Somewhat more than a commit of a first load, for sources commit by turns; with three of them, a snapshot took 10 MB
 * more than with two.
 */
const mostUnasked = 60_000

/** See `KeyTable.fill`. */
const mostFills = 3

/**
 * What Postgres may take to sort the keys for their index: little enough for the processor's caches (7.3 s for 7 million
 * keys, 8.8 s with 128 MB, 11.3 s with 800 MB). By itself: two more workers took half as much CPU time
 * again and, while other indexes and tables are filled, no less time.
 */
const sortMemory = '32MB'

/** Commits that read a table while none adds to it, before it counts as complete. */
const settledCommits = 4

/** Rows read in passing before a growing table gets its index all the same: about two seconds. */
const scanBudget = 20_000_000

/**
 * The blocking keys of one side of a model version. While the first snapshot fills it, it has no index: rows go in
 * several times as fast. The records are in memory then, too, as long as they fit, and the other side finds them there
 * (`resident`). Once they do not, look-ups read the whole table; the index is made once the table is read without
 * growing any more, or has been read too much, or when the version is published.
 */
export class KeyTable {
  readonly #name: string
  readonly #compared: readonly number[]
  readonly #residentBytes: number
  /** Null when the table has keys that it would not know, and while `#resident` knows all of them. */
  #filter: KeyFilter | null = null
  /** Null unless it has all records. */
  #resident: ResidentSide | null
  /** Whether `#resident` has records that are not committed yet. */
  #isAhead = false
  /** Records that came since somebody looked for candidates, or could have. */
  #unasked = 0
  /** How often all records may still be read into memory: each time costs as much as it saves on few records. */
  #fillsLeft = mostFills
  #indexed: boolean
  /** Rows that were there before us; how many nobody has counted. */
  readonly #wasFilled: boolean
  #rows = 0
  #scanned = 0
  /** What the commits since the last `indexIfDue` did. */
  #grew = false
  #read = false
  #commitsSettled = 0
  #cursors = 0
  /** Candidates handed out since it was opened, for figures. */
  found = 0

  private constructor(
    { model, side, compared, residentBytes = defaultResidentBytes }: KeyTableOptions,
    { indexed, filled }: { indexed: boolean; filled: boolean },
  ) {
    this.#name = keyTableName(model, side)
    this.#indexed = indexed
    this.#wasFilled = filled
    this.#compared = compared
    this.#residentBytes = residentBytes
    this.#resident = filled ? null : new ResidentSide(compared)
  }

  static async open(session: Session, options: KeyTableOptions): Promise<KeyTable> {
    const name = keyTableName(options.model, options.side)
    const [indexed, filled] = await session.one(
      `select exists (select from pg_index where indrelid = to_regclass($1)), exists (select from ${name})`,
      [name],
    )
    return new KeyTable(options, { indexed: indexed === 't', filled: filled === 't' })
  }

  /** All records of this side, for those that look for candidates; null when they are not in memory. */
  get resident(): ResidentSide | null {
    this.#unasked = 0
    return this.#resident
  }

  /** Whether it ever had any keys. */
  get hasRecords(): boolean {
    return this.#wasFilled || this.#rows > 0
  }

  /**
   * Adds a new record in memory, and its keys to rows that `write` brings to the table. It must not be there yet. `asker`:
   * the other side, which cannot ask as long as it has no records.
   */
  add(record: NewRecord, { rows, asker }: { rows: BinaryRows; asker: KeyTable }): void {
    if (asker.hasRecords && ++this.#unasked > mostUnasked) this.#release()
    if (this.#resident) {
      this.#resident.add(record)
      this.#isAhead = true
    }
    this.#addRows(record, rows)
  }

  /** Writes rows that `add` has filled. */
  async write(session: Session, rows: BinaryRows): Promise<void> {
    if (this.#resident && !this.#fits(this.#resident)) this.#isAhead = false
    if (rows.count === 0) return
    await session.copy(`copy ${this.#name} (key, id) from stdin (format binary)`, rows.end())
  }

  /** Whether `fill` would do anything. */
  get isRecallable(): boolean {
    return !this.#resident && this.#fillsLeft > 0
  }

  /** Takes all records of the table into memory again, unless that was done too often or they do not fit. */
  async fill(stored: () => AsyncIterable<readonly NewRecord[]>): Promise<void> {
    if (!this.isRecallable) return
    this.#fillsLeft--
    const resident = new ResidentSide(this.#compared)
    for await (const records of stored()) {
      for (const record of records) resident.add(record)
      if (!this.#fits(resident)) return
    }
    this.#resident = resident
    this.#filter = null
    // The open transaction may have written some of them.
    this.#isAhead = true
  }

  /** False when it gets too large: then nothing is kept in memory any more. */
  #fits(resident: ResidentSide): boolean {
    if (resident.bytes <= this.#residentBytes) return true
    this.#fillsLeft = 0
    this.#evict()
    return false
  }

  /** The keys must not be there yet. */
  async insert(session: Session, records: readonly RecordKeys[]): Promise<void> {
    this.#evict()
    if (this.#indexed) {
      if (records.length === 0) return
      for (const record of records) this.#noteKeys(record)
      // A `COPY` is sent when all before it is answered: the server would wait for us.
      await session.query(
        `insert into ${this.#name} (key, id) select * from unnest($1::bigint[], $2::text[])`,
        keyArrays(records),
      )
      return
    }
    const rows = new BinaryRows()
    for (const record of records) this.#addRows(record, rows)
    await this.write(session, rows)
  }

  #release(): void {
    this.#resident = this.#filter = null
    this.#fillsLeft = 0
  }

  /** From now on candidates are looked up in Postgres. */
  #evict(): void {
    if (!this.#resident) return
    const filter = new KeyFilter(filterBytes)
    this.#resident.eachKey((key) => {
      filter.add(key)
    })
    this.#filter = filter
    this.#resident = null
  }

  #noteKeys({ keys }: RecordKeys): void {
    this.#rows += keys.length
    this.#grew = true
    if (this.#filter) for (const key of keys) this.#filter.add(key)
  }

  /** Without model and side, which are the table's defaults: every record has several rows. */
  #addRows(record: RecordKeys, rows: BinaryRows): void {
    this.#noteKeys(record)
    for (const key of record.keys) {
      rows.begin(2)
      rows.bigint(key)
      rows.text(record.id)
    }
  }

  async delete(session: Session, records: readonly RecordKeys[]): Promise<void> {
    if (records.length === 0) return
    this.#noteScan()
    await session.query(
      `delete from ${this.#name} k using unnest($1::bigint[], $2::text[]) as gone(key, id)
        where k.key = gone.key and k.id = gone.id`,
      keyArrays(records),
    )
  }

  /**
   * The ids that have a key of one of the `records`, each with the place of that record, in pieces of bounded size
   * whatever the size of a block; one that shares several keys comes several times. Needs an open transaction.
   */
  async *find(session: Session, records: readonly RecordKeys[]): AsyncGenerator<Candidate[]> {
    const { resident } = this
    if (resident) {
      for (const found of findIn(resident, records)) {
        this.found += found.length
        yield found
      }
      return
    }
    // How much a look at the whole table costs is not known of one that was filled before us.
    if (this.#wasFilled) await this.index(session)
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
    // whole. Without one the table is read once.
    const found = this.#indexed
      ? `cross join lateral (select id from ${this.#name} stored where stored.key = probe.key offset 0) k`
      : `join ${this.#name} k on k.key = probe.key`
    // Several pieces may be looked up at a time.
    const cursor = `candidate_${this.#cursors++}`
    session.background(
      session.query(
        `declare ${cursor} no scroll cursor for
         select probe.record, k.id from unnest($1::bigint[], $2::integer[]) as probe(key, record) ${found}`,
        // As literals: the driver would quote each number.
        [`{${probes.join(',')}}`, `{${places.join(',')}}`],
      ),
    )
    for (;;) {
      const rows = await session.query(`fetch ${candidatesPerFetch} from ${cursor}`)
      this.found += rows.length
      if (rows.length > 0)
        yield rows.map(([record, candidate]) => ({ record: Number(record), candidate: candidate ?? '' }))
      if (rows.length < candidatesPerFetch) break
    }
    session.background(session.query(`close ${cursor}`))
  }

  /** To be called when a transaction was rolled back: what is in memory may be of records that are not there. */
  rolledBack(): void {
    if (this.#isAhead) this.#resident = null
    this.#isAhead = false
  }

  /** To be called after each commit. */
  async indexIfDue(session: Session): Promise<void> {
    this.#isAhead = false
    this.committed(session)
    if (this.#grew) this.#commitsSettled = 0
    else if (this.#read) this.#commitsSettled += 1
    this.#grew = this.#read = false
    const due = this.#commitsSettled >= settledCommits || this.#scanned > scanBudget
    if (due) await this.index(session)
  }

  /**
   * Makes the index unless it is there, after which candidates are looked up by it. Within a transaction, which may yet
   * be rolled back, see `committed`.
   */
  async index(session: Session): Promise<void> {
    const mark = `index of ${this.#name}`
    const index = `${this.#name.slice(this.#name.indexOf('.') + 1)}_key`
    if (this.#indexed || session.prepared.has(mark)) return
    await session.query(
      `set maintenance_work_mem = '${sortMemory}'; set max_parallel_maintenance_workers = 0;
       create unique index ${index} on ${this.#name} (key, id);
       alter table ${this.#name} replica identity using index ${index};
       reset maintenance_work_mem; reset max_parallel_maintenance_workers`,
    )
    if (session.inTransaction) session.prepared.set(mark, '')
    else this.#indexed = true
  }

  /** To be called after the commit of a transaction that called `index`: only then look-ups rely on it. */
  committed(session: Session): void {
    this.#indexed ||= session.prepared.has(`index of ${this.#name}`)
  }

  /** The same, when the version is live from then on: its first change is not to wait until memory is given up. */
  published(session: Session): void {
    this.committed(session)
    this.#evict()
  }

  #noteScan(): void {
    if (this.#indexed) return
    this.#scanned += this.#rows
    this.#read = this.#rows > 0
  }
}

/** Keys, and as many ids beside them. */
const keyArrays = (records: readonly RecordKeys[]): [keys: number[], ids: string[]] => [
  records.flatMap(({ keys }) => keys),
  records.flatMap(({ id, keys }) => keys.map(() => id)),
]

function* findIn(resident: ResidentSide, records: readonly RecordKeys[]): Generator<Candidate[]> {
  let found: Candidate[] = []
  for (const [record, { keys }] of records.entries()) {
    for (const place of resident.find(keys)) found.push({ record, candidate: resident.id(place) })
    if (found.length < candidatesPerFetch) continue
    yield found
    found = []
  }
  if (found.length > 0) yield found
}

export const keyTableName = (model: number, side: Side): string => `syncline.match_key_${model}_${side}`
