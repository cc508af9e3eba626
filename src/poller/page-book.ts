import { createHash, type Hash } from 'node:crypto'
import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Json, Ledger, LedgerEntry } from '../changes/ledger.ts'
import { Leavers } from './leavers.ts'
import { comparePage } from './page-comparison.ts'
import {
  leftKey,
  LineIndex,
  lineJson,
  pageKey,
  parseLine,
  parseRead,
  readKey,
  storeId,
  type PageRead,
  type SweepLine,
} from './page-line.ts'
import type { PageContent } from './page-schema.ts'
import { PageVectors } from './page-vectors.ts'
import { ShapeBook, type ShapeBookOptions } from './shape-book.ts'
import { SourceBook } from './source-book.ts'
import { WorkingLedger } from './working-ledger.ts'

/** What one page adds to a batch, and how it is known from now on. */
export interface PageOutcome extends Pick<ChangeBatch, 'changes' | 'rejected' | 'ledger'> {
  readonly read: PageRead
}

/** By what the next answer is recognised as the same, and where the next page is if only this one tells. */
export type PageVersion = Pick<PageRead, 'hash' | 'etag' | 'lastModified' | 'next'>

/** A page that is not the one that the ledger knows. */
export interface Arrival {
  readonly content: PageContent
  readonly version: PageVersion
  /** The sweep that reads it or, for a page read by itself, the next one. */
  readonly sweep: number
  /** 0 in a sweep, else the number of the page among those that were read by themselves since the last one. */
  readonly probe: number
  readonly readAt: number
}

/** The ids of a page in their order, and what stands there without one, as one short text. */
export function vectorOfPage({ records }: PageContent): string {
  const ids = new Set(records.flatMap(({ id }) => (id === null ? [] : [storeId(id)])))
  const nameless = records.flatMap(({ id, low, high }) => (id === null ? [low, high] : []))
  return createHash('sha1')
    .update(JSON.stringify([[...ids], nameless]))
    .digest('base64')
}

export interface PageFacts {
  readonly count: number
  readonly fresh: number
  readonly repeatOf: number | null
}

/** Lines kept beside the ledger: a page, its neighbours and one more. */
const cachedLines = 4

export interface PageBookOptions extends ShapeBookOptions {
  readonly stream: string
}

/**
 * What is known of the pages: each has a line in the ledger, and a page that comes is compared with its own line and
 * with those of its neighbours. In memory are a few lines, whatever the size of the API.
 *
 * No id is ever lost from the ledger: one that leaves its page waits under `left/…` until it is found on another
 * page or its absence is proven. The hash of the record as it was last delivered stands in one of its lines.
 */
export class PageBook {
  readonly ledger: WorkingLedger
  readonly source: SourceBook
  readonly shape: ShapeBook
  readonly leavers = new Leavers()
  readonly #stream: string
  readonly #lines = new Map<number, LineIndex | null>()
  #vectors = new PageVectors()
  #vector: Hash = createHash('sha256')
  #known = 0
  #sweep: SweepLine | null

  private constructor(
    { stream }: PageBookOptions,
    books: Pick<PageBook, 'ledger' | 'source' | 'shape' | 'lastSweep'>,
  ) {
    this.#stream = stream
    this.ledger = books.ledger
    this.source = books.source
    this.shape = books.shape
    this.#sweep = books.lastSweep
  }

  static async load(ledger: Ledger, options: PageBookOptions): Promise<PageBook> {
    const [source, shape, sweep = null] = await Promise.all([
      SourceBook.load(ledger, options.schema.fingerprint),
      ShapeBook.load(ledger, options),
      ledger.get('sweep'),
    ])
    const lastSweep = sweep as SweepLine | null
    return new PageBook(options, { ledger: new WorkingLedger(ledger), source, shape, lastSweep })
  }

  /** Of what the source declares and of the last resync: row hashes of another edition say nothing. */
  get edition(): string {
    return this.source.edition
  }

  /** The end of the last sweep that ended. */
  get lastSweep(): SweepLine | null {
    return this.#sweep
  }

  /** Different ids on the pages of this sweep; one that stands on two pages counts twice. */
  get known(): number {
    return this.#known
  }

  recordSweep(line: SweepLine): LedgerEntry {
    this.#sweep = line
    return { key: 'sweep', value: { ...line } }
  }

  async read(page: number): Promise<PageRead | null> {
    const value = await this.ledger.get(readKey(page))
    return value === undefined ? null : parseRead(readKey(page), value)
  }

  /** Records on the first page, as last read: where the API gives fewer than it is asked for. */
  async firstSize(): Promise<number | null> {
    const count = (await this.read(1))?.count ?? 0
    return count > 0 ? count : null
  }

  /** Starts a sweep; pages up to `after` were taken in by it before a restart. */
  async beginSweep(after: number): Promise<LedgerEntry[]> {
    this.#vectors = new PageVectors()
    this.#vector = createHash('sha256')
    this.#known = 0
    for (let page = 1; page <= after; page++) {
      const read = await this.read(page)
      if (read !== null) this.see(page, read)
    }
    return this.source.declare()
  }

  vector(): string {
    return this.#vector.copy().digest('hex').slice(0, 32)
  }

  /** How a page looks before it is taken in. */
  async inspect(page: number, seen: PageRead | PageContent): Promise<PageFacts> {
    if ('vector' in seen) {
      const repeatOf = this.#vectors.find(seen.vector)
      return { count: seen.count, fresh: repeatOf === null ? seen.count : 0, repeatOf }
    }
    const count = seen.records.length
    const repeatOf = count === 0 ? null : this.#vectors.find(vectorOfPage(seen))
    if (repeatOf !== null) return { count, fresh: 0, repeatOf }
    const before = await this.#line(page - 1)
    const doubles = seen.records.filter(({ id }) => id !== null && before?.has(id) === true)
    return { count, fresh: count - new Set(doubles.map(({ id }) => id)).size, repeatOf }
  }

  /** Notes what a sweep saw on a page. */
  see(page: number, { vector, count, known }: PageRead): void {
    if (count > 0) this.#vectors.add(vector, page)
    this.#vector.update(vector)
    this.#known += known
  }

  /** Takes in a page whose body is the one that the ledger knows. */
  takeUnchanged(page: number, read: PageRead, readAt: number): PageOutcome {
    const again = { ...read, readAt }
    return { read: again, changes: [], rejected: [], ledger: [{ key: readKey(page), value: again }] }
  }

  /** Takes in a page: what differs from before becomes a change, a rejection or a line. */
  async take(page: number, { content, version, sweep, probe, readAt }: Arrival): Promise<PageOutcome> {
    const shape = this.shape.learn(page, content.shape)
    const [line, before, after] = await Promise.all([
      this.#line(page),
      this.#line(page - 1),
      this.#line(page + 1),
    ])
    const compared = comparePage({
      ...{ content, line, before, after, sweep },
      leavers: this.leavers,
      edition: this.edition,
      stream: this.#stream,
    })
    const read: PageRead = {
      edition: this.edition,
      ...version,
      total: content.total,
      count: content.records.length,
      known: compared.line.ids.length,
      vector: vectorOfPage(content),
      readAt,
      changedAt: readAt,
    }
    this.#remember(page, new LineIndex(compared.line))
    const ids = compared.line.ids.map(String)
    const ledger: LedgerEntry[] = [
      ...shape,
      ...(await this.#breakAgreement(page, read)),
      ...this.leavers.found(
        ids,
        compared.line.nameless.map(([digest]) => digest),
      ),
      { key: readKey(page), value: { ...read } },
      { key: pageKey(page), value: lineJson(compared.line) },
    ]
    const { left } = compared
    if (left.named.size + left.nameless.size > 0)
      ledger.push(this.leavers.note(leftKey(sweep, page, probe), left))
    // The next page that is read by itself is another one as a rule: these lines die with this page.
    if (probe > 0) this.#lines.clear()
    return { read, changes: compared.changes, rejected: compared.rejected, ledger }
  }

  /** Whoever reads it, a page with other ids speaks against the sweep before: those that come begin to agree anew. */
  async #breakAgreement(page: number, { vector }: PageRead): Promise<LedgerEntry[]> {
    if (this.#sweep === null || this.#sweep.agreeing === 0) return []
    const before = await this.read(page)
    return before?.vector === vector ? [] : [this.recordSweep({ ...this.#sweep, agreeing: 0 })]
  }

  /** Lines were changed behind our back: by the end of a sweep. */
  forgetLines(): void {
    this.#lines.clear()
    this.leavers.clear()
  }

  async #line(page: number): Promise<LineIndex | null> {
    if (page < 1) return null
    const cached = this.#lines.get(page)
    if (cached !== undefined) return cached
    const value: Json | undefined = await this.ledger.get(pageKey(page))
    return this.#remember(page, value === undefined ? null : new LineIndex(parseLine(pageKey(page), value)))
  }

  #remember(page: number, line: LineIndex | null): LineIndex | null {
    this.#lines.delete(page)
    this.#lines.set(page, line)
    const [oldest] = this.#lines.keys()
    if (this.#lines.size > cachedLines && oldest !== undefined) this.#lines.delete(oldest)
    return line
  }
}
