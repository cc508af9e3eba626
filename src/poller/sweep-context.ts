import type { BatchChain } from './batch-chain.ts'
import type { HttpSourceOptions } from './options.ts'
import type { PageAudits } from './page-audit.ts'
import type { PageBook, PageOutcome } from './page-book.ts'
import type { PageClient } from './page-client.ts'
import type { PageRead } from './page-line.ts'
import type { PageSchema } from './page-schema.ts'
import type { SweepState } from './sweep-state.ts'

export type SweepSettings = HttpSourceOptions & {
  readonly readAheadBytes: number
  readonly confirmSweeps: number
  readonly maxDeletedShare: number
  readonly maxPages: number
}

/** What every sweep of one `open()` shares. */
export interface SweepContext {
  readonly settings: SweepSettings
  readonly schema: PageSchema
  readonly client: PageClient
  readonly book: PageBook
  readonly chain: BatchChain
  readonly audits: PageAudits
  readonly signal: AbortSignal
  readonly onPage: (state: SweepState) => void
  /** A page was read; `before` is what was known of it. */
  readonly onRead: (page: number, outcome: PageOutcome, before: PageRead | null) => void
}
