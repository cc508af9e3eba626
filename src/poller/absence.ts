import type { ChangeBatch, Retracted } from '../changes/change-batch.ts'
import type { Change } from '../changes/change.ts'
import type { LedgerEntry } from '../changes/ledger.ts'
import { leftEntry, type Left } from './leavers.ts'
import type { PageBook } from './page-book.ts'
import {
  leftKey,
  lineJson,
  pageKey,
  pageOfKey,
  parseLeftLine,
  parseLine,
  parseRead,
  readKey,
  rowAt,
  type LeftLine,
  type PageLine,
} from './page-line.ts'
import type { PageSchema } from './page-schema.ts'

export type Closing = Pick<ChangeBatch, 'changes' | 'ledger' | 'retracted'>

/** Records looked up in one pass over the lines of all pages, which bounds the memory. */
const recordsPerPass = 50_000

/** Tells what a dropped page held from what left it when it was read in the same sweep. */
const droppedPage = 9_999_999_999

/**
 * The lines of pages that are no more go; what stood there has left. They need not follow each other: a sweep passes
 * over a page on which nothing stands and takes in what comes behind it.
 */
export async function* dropPages(
  book: PageBook,
  { sweep, pages }: { sweep: number; pages: number },
): AsyncGenerator<Closing> {
  const gone: number[] = []
  for await (const { key } of book.ledger.scan('read/')) if (pageOfKey(key) > pages) gone.push(pageOfKey(key))
  for (const page of gone) {
    const value = await book.ledger.get(pageKey(page))
    const ledger: LedgerEntry[] = [
      { key: pageKey(page), value: undefined },
      { key: readKey(page), value: undefined },
    ]
    if (value !== undefined) {
      ledger.push(
        leftEntry(leftKey(sweep, page, droppedPage), leftOf({ ...parseLine(pageKey(page), value), sweep })),
      )
    }
    yield { changes: [], ledger }
  }
}

/** What no page holds any more. */
export interface Absent {
  readonly records: number
  /** Of those, the ones that may be deleted when the sweeps agree. */
  readonly deletable: number
  /** The sweep in which the newest nameless record came that is still there; 0 without one. */
  readonly newestNameless: number
}

/**
 * Looks for all that left its page on the pages as they are now. What is found is no longer missed; what is found
 * with another hash is delivered again when its page is next read, since it cannot be told which of the two was
 * delivered last. `retracts`: nameless records that are on no page are gone.
 */
export async function* findLeavers(
  book: PageBook,
  { stream, retracts }: { stream: string; retracts: boolean },
): AsyncGenerator<Closing, Absent> {
  let absent: Absent = { records: 0, deletable: 0, newestNameless: 0 }
  for await (const sought of passes(book)) {
    const { newestNameless, stale } = await lookThroughPages(book, sought)
    for (const page of stale) yield { changes: [], ledger: await forgetRows(book, page, sought.again) }
    for (const [key, left] of sought.lines) {
      const retracted: Retracted[] = []
      if (retracts) {
        for (const digest of left.nameless.keys()) retracted.push({ stream, rawSha256: digest })
        left.nameless.clear()
      }
      yield { changes: [], ledger: [leftEntry(key, left)], retracted }
      const deletable = left.sweep > newestNameless ? left.named.size : 0
      absent = {
        records: absent.records + left.named.size,
        deletable: absent.deletable + deletable,
        newestNameless,
      }
    }
  }
  return absent
}

interface Sought {
  readonly lines: ReadonlyMap<string, Left>
  readonly byId: ReadonlyMap<string, readonly Left[]>
  readonly byDigest: ReadonlyMap<string, readonly Left[]>
  /** Ids that were found with another hash. */
  readonly again: Set<string>
}

async function* passes(book: PageBook): AsyncGenerator<Sought> {
  let lines = new Map<string, Left>()
  let records = 0
  const pass = (): Sought => {
    const [byId, byDigest] = [new Map<string, Left[]>(), new Map<string, Left[]>()]
    for (const left of lines.values()) {
      for (const id of left.named.keys()) byId.set(id, [...(byId.get(id) ?? []), left])
      for (const digest of left.nameless.keys()) {
        byDigest.set(digest, [...(byDigest.get(digest) ?? []), left])
      }
    }
    return { lines, byId, byDigest, again: new Set() }
  }
  for await (const { key, value } of book.ledger.scan('left/')) {
    const left = leftOf(parseLeftLine(key, value))
    lines.set(key, left)
    records += left.named.size + left.nameless.size
    if (records < recordsPerPass) continue
    yield pass()
    lines = new Map()
    records = 0
  }
  if (lines.size > 0) yield pass()
}

async function lookThroughPages(
  book: PageBook,
  { byId, byDigest, again }: Sought,
): Promise<{ newestNameless: number; stale: number[] }> {
  let newestNameless = 0
  const stale: number[] = []
  for await (const { key, value } of book.ledger.scan('page/')) {
    const line = parseLine(key, value)
    const before = again.size
    line.ids.forEach((stored, place) => {
      const id = String(stored)
      for (const left of byId.get(id) ?? []) {
        const was = left.named.get(id)
        const { low, high } = rowAt(line, place)
        const isSame = was?.low === low && was.high === high
        if (was !== undefined && !isSame && left.edition === line.edition) again.add(id)
        left.named.delete(id)
      }
    })
    if (again.size > before) stale.push(pageOfKey(key))
    for (const [digest, since] of line.nameless) {
      newestNameless = Math.max(newestNameless, since)
      for (const left of byDigest.get(digest) ?? []) left.nameless.delete(digest)
    }
  }
  return { newestNameless, stale }
}

/** The records with these ids are delivered again when the page is next read. */
async function forgetRows(book: PageBook, page: number, ids: ReadonlySet<string>): Promise<LedgerEntry[]> {
  const [line, read] = [await book.ledger.get(pageKey(page)), await book.ledger.get(readKey(page))]
  if (line === undefined || read === undefined) return []
  const parsed: PageLine = parseLine(pageKey(page), line)
  parsed.ids.forEach((id, place) => {
    if (ids.has(String(id))) parsed.rows.fill(0, place * 8, place * 8 + 8)
  })
  return [
    { key: pageKey(page), value: lineJson(parsed) },
    {
      key: readKey(page),
      value: { ...parseRead(readKey(page), read), hash: null, etag: null, lastModified: null },
    },
  ]
}

/** Deletes what no page holds, but for what may stand there as the nameless record that came meanwhile. */
export async function* deleteAbsent(
  book: PageBook,
  { newestNameless, stream, schema }: { newestNameless: number; stream: string; schema: PageSchema },
): AsyncGenerator<Closing> {
  for await (const { key, value } of book.ledger.scan('left/')) {
    const line = parseLeftLine(key, value)
    if (line.sweep <= newestNameless) continue
    const changes = line.ids.map((id): Change => ({ kind: 'delete', stream, key: schema.keyOf(String(id)) }))
    yield { changes, ledger: [leftEntry(key, { ...leftOf(line), named: new Map() })] }
  }
}

function leftOf(line: LeftLine): Left {
  const named = new Map(line.ids.map((id, place) => [String(id), rowAt(line, place)]))
  return { sweep: line.sweep, edition: line.edition, named, nameless: new Map(line.nameless) }
}
