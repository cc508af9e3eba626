import { createHash } from 'node:crypto'
import type { PageBook, PageVersion } from './page-book.ts'
import type { PageAnswer, PageClient } from './page-client.ts'
import type { PageRead } from './page-line.ts'
import type { PageContent, PageSchema } from './page-schema.ts'
import type { PageHint } from './paging.ts'

/** A page as it arrived. When its body is the one that the ledger knows, it comes as it was last read. */
export type Fetched = {
  readonly before: PageRead | null
  /** Whether a body came, known or not. */
  readonly hadBody: boolean
} & (
  | {
      readonly known: PageRead
      readonly content: null
      readonly bytes: 0
      readonly version?: never
    }
  | {
      readonly known: null
      readonly content: PageContent
      readonly bytes: number
      readonly version: PageVersion
    }
)

export interface FetchPageOptions {
  readonly page: number
  readonly hint: PageHint
  readonly signal: AbortSignal
  readonly mayBeMissing: boolean
  /** Its records are wanted also if they are those that the ledger knows. */
  readonly whole?: boolean
  /** An answer that was just received. */
  readonly answer?: PageAnswer | null
}

/** Asks for a page, but only for its body if it is not the one that the ledger knows; null: there is no such page. */
export async function fetchPage(
  { client, book, schema }: { client: PageClient; book: PageBook; schema: PageSchema },
  { page, hint, signal, mayBeMissing, whole = false, answer = null }: FetchPageOptions,
): Promise<Fetched | null> {
  const before = await book.read(page)
  const isCurrent = !whole && before?.hash != null && before.edition === book.edition
  const read = (received: PageAnswer): Fetched => {
    const { body, etag, lastModified, link } = received
    const hash = createHash('sha256').update(body).digest('base64').slice(0, 22)
    if (isCurrent && before.hash === hash) {
      const next = schema.tellsNext ? before.next : link
      const known = { ...before, etag, lastModified, next }
      return { before, hadBody: true, known, content: null, bytes: 0 }
    }
    const content = schema.read(body, page === 1 ? null : hint.size)
    const version = { hash, etag, lastModified, next: content.next ?? link }
    return { before, hadBody: true, known: null, content, bytes: body.length, version }
  }
  if (answer !== null) return read(answer)
  const unchanged = (): Fetched => {
    if (before === null) throw new Error('only a known page can be unchanged')
    return { before, hadBody: false, known: before, content: null, bytes: 0 }
  }
  const known = isCurrent ? { validators: before, unchanged } : null
  return client.fetchPage({ page, hint, read, known, signal, mayBeMissing })
}
