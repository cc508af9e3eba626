import { createHash } from 'node:crypto'
import type { ChangeBatch } from '../changes/change-batch.ts'
import type { Change } from '../changes/change.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import { refusedKey } from '../changes/mass-disappearance.ts'
import { StoppingError } from '../runtime/errors.ts'
import type { BatchChain, BatchDraft } from './batch-chain.ts'
import { earlier, timeOf } from './change-time.ts'
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
  readonly settings: HttpSourceOptions & { readonly maxDeletedShare: number }
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
  /** The time of the newest change. */
  readonly newest: string | null
  /** Whether it came to the end of what the API announced. */
  readonly isWhole: boolean
}

/**
 * Reads what changed since a time. What changes while several pages are read moves to another page, and the one behind
 * it is skipped; so a round of several pages is read again, from the same time, until two in a row saw the same.
 */
export class SinceRounds {
  readonly #context: SinceContext
  #round: number
  /** What is asked for next; null: everything. */
  #since: string | null
  /** Lines that no batch carries yet. */
  readonly #unsaid: LedgerEntry[]

  constructor(context: SinceContext, after: string | null) {
    this.#context = context
    const position = after === null ? null : sincePositionFormat.parse(after)
    // Within a round pages may have moved since: it begins again.
    this.#round = position === null ? 1 : position.round + (position.page > 0 ? 1 : 0)
    // Another declaration makes other rows of the records that were taken in.
    const isFirst = position === null || context.source.isOutdated
    this.#since = isFirst ? context.since.from : position.since
    this.#unsaid = context.source.declare()
  }

  async *untilUpToDate(): AsyncGenerator<ChangeBatch> {
    const { settings, since, ledger, shape } = this.#context
    let before: readonly string[] = []
    for (let round = 0; round < maxRounds; round++) {
      const { pages, newest, isWhole } = yield* this.#readRound(before)
      const isSettled = isWhole && (pages.length <= 1 || pages.join() === before.join())
      if (isSettled && newest !== null) this.#since = earlier(newest, since.overlapMs)
      this.#round++
      await ledger.settle()
      if (isSettled) {
        this.#unsaid.push(...shape.complete())
        yield this.#batch(0, { changes: await this.#endOfResync() })
        return
      }
      yield this.#batch(0, {})
      before = pages
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

  /** A round that settled ends the open resync: since it began all was listed from the first time on. */
  async #endOfResync(): Promise<Change[]> {
    const { ledger, settings, source } = this.#context
    const { stream, maxDeletedShare } = settings
    const wasRefused = (await ledger.get(refusedKey(stream))) !== undefined
    if (source.resyncSince === null && !wasRefused) return []
    this.#unsaid.push(source.endResync())
    return [{ kind: 'resync-end', stream, maxDeletedShare }]
  }

  /** `before`: what the pages held in the round before. What one holds still was delivered then. */
  async *#readRound(before: readonly string[]): AsyncGenerator<ChangeBatch, Round> {
    const { settings, client, signal, ledger, shape, onPage } = this.#context
    const pages: string[] = []
    let newest: string | null = null
    let next: string | null = null
    let size: number | null = null
    let announced: number | null = null
    for (let page = 1; ; page++) {
      const found = await this.#fetch(page, { size, next })
      if (signal.aborted) throw new StoppingError()
      const records = found?.content.records ?? []
      if (found !== null) announced = found.content.total
      if (found === null || (records.length === 0 && found.next === null)) {
        // An announced page that is empty is to be so twice.
        if (found !== null && announced !== null) pages.push(digestOf(records))
        return { pages, newest, isWhole: this.#mayEnd(page, { announced, isMissing: found === null }) }
      }
      const { total } = found.content
      onPage(page, total)
      size ??= records.length
      pages.push(digestOf(records))
      for (const { updatedAt } of records) newest = later(newest, updatedAt)
      if (pages[page - 1] !== before[page - 1]) {
        await ledger.settle()
        this.#unsaid.push(...shape.learn(page, found.content.shape))
        yield this.#batch(page, draftOf(found.content, settings.stream))
      }
      next = checkNext(client.base, settings.page, found.next, settings.name)
      const isLast = isAddressable(settings.page) ? total !== null && page >= total : next === null
      if (isLast) return { pages, newest, isWhole: true }
    }
  }

  /** Whether the list may be over where a page is empty or missing; else the API broke it off. */
  #mayEnd(page: number, { announced, isMissing }: { announced: number | null; isMissing: boolean }): boolean {
    if (!isAddressable(this.#context.settings.page)) return !isMissing
    // Some count one page too many: the last one may be empty, but not missing.
    return announced === null || page > announced || (page === announced && !isMissing)
  }

  #fetch(
    page: number,
    hint: { size: number | null; next: string | null },
  ): Promise<{ content: PageContent; next: string | null } | null> {
    const { schema, client, signal, since } = this.#context
    const extra: Readonly<Record<string, string>> = this.#since === null ? {} : { [since.param]: this.#since }
    return client.fetchPage({
      ...{ page, signal, known: null, mayBeMissing: page > 1 },
      hint: { ...hint, extra },
      read: ({ body, link }) => {
        const content = schema.read(body, hint.size)
        return { content, next: content.next ?? link }
      },
    })
  }

  #batch(page: number, draft: BatchDraft): ChangeBatch {
    const position = new SincePosition({ round: this.#round, page, since: this.#since })
    return this.#context.chain.next(position, { ...draft, ledger: this.#unsaid.splice(0) })
  }
}

function digestOf(records: PageContent['records']): string {
  const digest = createHash('sha1')
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
