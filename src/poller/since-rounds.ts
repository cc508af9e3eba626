import { createHash } from 'node:crypto'
import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Change } from '../changes/change.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import { refusedKey } from '../changes/mass-disappearance.ts'
import { StoppingError } from '../runtime/errors.ts'
import type { BatchChain, BatchDraft } from './batch-chain.ts'
import { noLater, timeOf } from './change-time.ts'
import { ListEnd, refuseEndless } from './list-end.ts'
import type { HttpSourceOptions } from './options.ts'
import type { PageClient } from './page-client.ts'
import type { PageContent, PageSchema } from './page-schema.ts'
import { checkNext, isAddressable } from './paging.ts'
import { SincePosition, sincePositionFormat } from './since-position.ts'
import type { ShapeBook } from './shape-book.ts'
import type { SinceSettings } from './since-settings.ts'
import type { SourceBook } from './source-book.ts'
import type { WorkingLedger } from './working-ledger.ts'

/** Rounds from the same time until two in a row saw the same. */
const maxRounds = 5

export interface SinceContext {
  readonly settings: HttpSourceOptions & { readonly maxDeletedShare: number; readonly maxPages: number }
  readonly since: SinceSettings
  readonly schema: PageSchema
  readonly client: PageClient
  readonly chain: BatchChain
  readonly ledger: WorkingLedger
  readonly source: SourceBook
  readonly shape: ShapeBook
  readonly signal: AbortSignal
  readonly onPage: (page: number, total: number | null) => void
}

interface Round {
  /** A digest of each page. */
  readonly pages: readonly string[]
  /** What may be asked for next: all that changed before was listed. */
  readonly since: string | null
  /** Whether it came to the end of what the API announced. */
  readonly isWhole: boolean
  /** Whether what was delivered last of each record is what this round listed last. */
  readonly isInOrder: boolean
  /** The earliest that a clock said when it, or one of those before it, began. */
  readonly limit: number
}

/**
 * Reads what changed since a time. What changes while several pages are read moves to another page, and the one behind
 * it is skipped; a list may break off and look whole. So the time moves on, and a resync ends, only when two rounds in
 * a row from the same time saw the same.
 *
 * The time is never later than the API's own clock, and ours, when the round began: one record with a time in the
 * future would else hide what changes until then. Such records are listed again until their time has come.
 */
export class SinceRounds {
  readonly #context: SinceContext
  #round: number
  /** What is asked for next; null: everything. */
  #since: string | null
  /** Records on the largest page so far. */
  #largest = 0
  /** Lines that no batch carries yet. */
  readonly #unsaid: LedgerEntry[]

  private constructor(context: SinceContext, { round, since }: { round: number; since: string | null }) {
    this.#context = context
    this.#round = round
    this.#since = since
    this.#unsaid = context.source.declare()
  }

  static async resume(context: SinceContext, after: string | null): Promise<SinceRounds> {
    const { settings, since, source, ledger } = context
    if (after === null) {
      const rounds = new SinceRounds(context, { round: 1, since: since.from })
      // Another source may have filled the stream, under another name in the configuration for instance.
      rounds.beginResync()
      return rounds
    }
    const position = sincePositionFormat.parse(after)
    // Within a round pages may have moved since: it begins again.
    const round = position.round + (position.page > 0 ? 1 : 0)
    const isRefused = (await ledger.get(refusedKey(settings.stream))) !== undefined
    const isAhead = (timeOf(position.since ?? '') ?? 0) > settings.clock.now()
    // Another declaration makes other rows of what was taken in; a refused resync is judged by a whole list alone.
    const isFromStart = source.isOutdated || isRefused || isAhead
    return new SinceRounds(context, { round, since: isFromStart ? since.from : position.since })
  }

  async *untilUpToDate(): AsyncGenerator<ChangeBatch> {
    const { settings, since, ledger, shape } = this.#context
    const isFull = this.#since === since.from
    let before: Round | null = null
    for (let round = 0; round < maxRounds; round++) {
      const read: Round = yield* this.#readRound(before)
      const isNews = isFull || read.since !== this.#since
      const isSettled = read.isWhole && (!isNews || (read.isInOrder && isSame(read, before)))
      if (isSettled) this.#since = read.since
      this.#round++
      await ledger.settle()
      if (isSettled) {
        if (isFull) this.#unsaid.push(...shape.complete())
        yield this.#batch(0, { changes: isFull ? await this.#endOfResync() : [] })
        return
      }
      yield this.#batch(0, {})
      before = read
    }
    settings.log.warn(
      { rounds: maxRounds },
      `source ${settings.name}: what it lists changed or broke off during ${maxRounds} rounds; it is read from the same time again`,
    )
  }

  /** The next round lists everything once more, and what no round lists until one has settled is gone. */
  beginResync(): void {
    const { chain, since, settings, source } = this.#context
    this.#since = since.from
    this.#unsaid.push(source.beginResync(this.#round))
    chain.precede([{ kind: 'resync-begin', stream: settings.stream }])
  }

  /** Rounds that listed everything and settled end the resync that is open, or was ended and the commit refused that. */
  async #endOfResync(): Promise<Change[]> {
    const { ledger, settings, source } = this.#context
    const { stream, maxDeletedShare } = settings
    const wasRefused = (await ledger.get(refusedKey(stream))) !== undefined
    if (source.resyncSince === null && !wasRefused) return []
    this.#unsaid.push(source.endResync())
    return [{ kind: 'resync-end', stream, maxDeletedShare }]
  }

  /**
   * What a page holds still was delivered in the round before. Of a record that stood on two pages the earlier one would
   * then not overwrite the later one: so behind a round that left pages out and yet differs, all is delivered again.
   */
  async *#readRound(before: Round | null): AsyncGenerator<ChangeBatch, Round> {
    const delivered = before?.isInOrder === true ? before.pages : []
    const { settings, client, signal, ledger, shape, onPage } = this.#context
    const pages: string[] = []
    const list = new ListEnd(isAddressable(settings.page), before?.pages.length ?? 0)
    let limit = Math.min(settings.clock.now(), before?.limit ?? Infinity)
    let newest: string | null = null
    let next: string | null = null
    let size: number | null = null
    for (let page = 1; ; page++) {
      refuseEndless(page, settings)
      const found = await this.#fetch(page, { size, next })
      if (signal.aborted) throw new StoppingError()
      const records = found?.content.records ?? []
      const total = found?.content.total ?? null
      if (page === 1) limit = Math.min(limit, found?.sentAt ?? limit)
      if (records.length > 0) size ??= records.length
      this.#largest = Math.max(this.#largest, records.length)
      if (found !== null) pages.push(digestOf(records, total))
      for (const { updatedAt } of records) newest = later(newest, updatedAt)
      if (found !== null && records.length > 0 && pages[page - 1] !== delivered[page - 1]) {
        onPage(page, total)
        await ledger.settle()
        this.#unsaid.push(...shape.learn(page, found.content.shape))
        yield this.#batch(page, draftOf(found.content, settings.stream))
      }
      next = checkNext(client.base, settings.page, found?.next ?? null, settings.name)
      // Some APIs answer the last page for any page past the end.
      const isRepeated = records.length > 0 && page > 1 && pages[page - 1] === pages[page - 2]
      const count = found === null ? null : isRepeated ? 0 : records.length
      const end = list.look({ page, count, largest: this.#largest, total, hasNext: next !== null })
      if (end === null) continue
      const isInOrder = delivered.length === 0 || pages.join() === delivered.join()
      return { pages, since: this.#sinceAfter(newest, limit), isWhole: end === 'whole', isInOrder, limit }
    }
  }

  /** Not back behind what was taken in, and not on beyond what the clocks vouch for. */
  #sinceAfter(newest: string | null, limit: number): string | null {
    if (newest === null) return this.#since
    const since = noLater(newest, { limit, ms: this.#context.since.overlapMs })
    return later(since, this.#since)
  }

  #fetch(
    page: number,
    hint: { size: number | null; next: string | null },
  ): Promise<{ content: PageContent; next: string | null; sentAt: number | null } | null> {
    const { schema, client, signal, since } = this.#context
    const extra: Readonly<Record<string, string>> = this.#since === null ? {} : { [since.param]: this.#since }
    return client.fetchPage({
      ...{ page, signal, known: null, mayBeMissing: page > 1 },
      hint: { ...hint, extra },
      read: ({ body, link, sentAt }) => {
        const content = schema.read(body, hint.size)
        return { content, next: content.next ?? link, sentAt }
      },
    })
  }

  #batch(page: number, draft: BatchDraft): ChangeBatch {
    const position = new SincePosition({ round: this.#round, page, since: this.#since })
    return this.#context.chain.next(position, { ...draft, ledger: this.#unsaid.splice(0) })
  }
}

function isSame(read: Round, before: Round | null): boolean {
  return before !== null && read.pages.join() === before.pages.join()
}

function digestOf(records: PageContent['records'], total: number | null): string {
  const digest = createHash('sha1').update(`${total} `)
  for (const { id, low, high } of records) digest.update(`${id ?? ''} ${low} ${high}\n`)
  return digest.digest('base64')
}

/** A time that cannot be read is none. */
function later(one: string | null, other: string | null): string | null {
  const [a, b] = [one === null ? null : timeOf(one), other === null ? null : timeOf(other)]
  return b !== null && (a === null || b > a) ? other : one
}

function draftOf({ records }: PageContent, stream: string): Pick<ChangeBatch, 'changes' | 'rejected'> {
  const changes = records.flatMap(({ key, row, deleted }): Change[] => {
    if (key === null) return []
    if (deleted) return [{ kind: 'delete', stream, key }]
    return row === null ? [] : [{ kind: 'upsert', stream, key, row }]
  })
  return { changes, rejected: records.flatMap(({ rejected }) => rejected ?? []) }
}
