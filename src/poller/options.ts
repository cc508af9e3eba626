import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { RetryPolicy } from '../runtime/retry.ts'
import type { TlsOptions } from '../runtime/tls-files.ts'
import type { HostCircuits } from './circuit.ts'
import type { Auth } from './credentials.ts'
import type { Fetcher } from './http-fetcher.ts'
import type { Paging } from './paging.ts'
import type { SinceSettings } from './since-settings.ts'

export interface HttpColumn {
  readonly name: string
  /** A Postgres type that `canonicalText` knows. */
  readonly type: string
  /** JSON pointer into the record; the member of the column's name when left out. */
  readonly from?: string | undefined
  /** Whether a missing member or a JSON null is taken in as null; true unless part of the key. */
  readonly nullable?: boolean
  readonly comment?: string | undefined
}

export interface HttpSourceOptions {
  /** The name from the configuration. */
  readonly name: string
  /** Where the pages are; userinfo becomes an `Authorization` header and is never shown. */
  readonly url: string
  readonly stream: string
  /** JSON pointer to the array of records in a page, for instance `/users`. */
  readonly records: string
  /** JSON pointer to the number of pages; null reads on until an empty page. */
  readonly totalPages: string | null
  /** JSON pointer to the number of records, for an API that is asked by offset; else left out. */
  readonly totalRecords?: string | null
  /** How pages are asked for. */
  readonly page: Paging
  /** For an API that lists what changed since a time. */
  readonly since?: SinceSettings | null
  /** What happens when records change their shape: a column that is missing, a value of another type. */
  readonly drift?: {
    readonly missing: 'null' | 'reject'
    readonly retyped: 'null' | 'reject'
    /** More of a page's records than this share stop the source. */
    readonly maxShare: number
  }
  readonly key: readonly string[]
  readonly columns: readonly HttpColumn[]
  /** Requests in flight at a time. */
  readonly concurrency: number
  /** One request from connecting to the last byte of its body. */
  readonly timeoutMs: number
  /** Of one page, as sent and as decompressed. */
  readonly maxBodyBytes: number
  readonly retry: RetryPolicy
  /** Goes on for ever, sweeping when the schedule says so; one sweep that can be trusted otherwise. */
  readonly follow?: boolean
  /** When to sweep: minute, hour, day, month, weekday, in UTC. Every five minutes. */
  readonly schedule?: string
  /** Each sweep begins up to so much later, at random: not all who poll an API should do so at the full minute. */
  readonly jitterMs?: number
  /** What the API may be asked at most; what sweeps leave of it goes to pages that are likely to have changed. */
  readonly requestsPerMinute?: number | null
  /** No page is left unread for longer than this. */
  readonly maxStalenessMs?: number | null
  readonly headers?: Readonly<Record<string, string>>
  /** Null: user and password of the URL, if it has any. */
  readonly auth?: Auth | null
  readonly userAgent?: string | null
  /** Null: the machine's authorities are trusted. */
  readonly tls?: TlsOptions | null
  /** `http://user:password@host:port`. */
  readonly proxy?: string | null
  /** Other hosts to which the API may redirect, `host` or `host:port`; credentials do not go there. */
  readonly redirectHosts?: readonly string[]
  /** Pages read ahead of the consumer; 16 MiB. */
  readonly readAheadBytes?: number
  /** Sweeps in one `open()` until one is stable; 3. */
  readonly maxSweeps?: number
  /** Consecutive equal sweeps that must lack an id before it is deleted; 2. */
  readonly confirmSweeps?: number
  /** The share of the known ids that may be deleted at once; 0.2. */
  readonly maxDeletedShare?: number
  /** More announced pages than this are taken for an error of the API; 1,000,000. */
  readonly maxPages?: number
  /** Longest `Retry-After` that is waited for inside a sweep; 2 minutes. */
  readonly maxRetryAfterMs?: number
  readonly log: Logger
  readonly clock: Clock
  /** Replaces the schedule: `onTick` is called when a sweep is due, until what is returned is called. */
  readonly startSchedule?: (onTick: () => void) => () => void
  /** Shared by sources that may ask the same hosts. */
  readonly circuits?: HostCircuits
  /** Replaces the network; undici with keep-alive otherwise. */
  readonly fetcher?: Fetcher
  /** Replaces the randomness of the retry delays. */
  readonly random?: () => number
}
