import { z } from 'zod'
import type { RetryPolicy } from '../runtime/retry.ts'
import { bytesOf } from './byte-size.ts'
import { columnTypeNames, isColumnType } from './column-type.ts'
import { msOf } from './duration.ts'
import {
  authConfig,
  authSettings,
  driftSettings,
  headerText,
  proxySetting,
  redirectHostsSetting,
  type AuthConfig,
} from './http-access.ts'
import {
  pageSettings,
  pagingConfig,
  sinceConfig,
  sinceSettings,
  type PagingConfig,
  type SinceConfig,
} from './http-paging.ts'
import { tlsConfig, tlsSettings, type TlsConfig } from './tls.ts'
import { byteSize, columnName, cron, duration, jsonPointer, name, text, url } from './values.ts'

const columnType = z
  .string()
  .refine(isColumnType, { error: `must be a type: ${columnTypeNames.join(', ')}` })
  .describe('A Postgres type.')
  .meta({ valueName: 'type' })

const column = z
  .union([
    columnType,
    z.strictObject({
      type: columnType,
      from: jsonPointer
        .optional()
        .describe('Where in the record the value stands; by default `/` and the name.'),
      description: text.optional().describe('For `comment on column`, in an analyst’s words.'),
    }),
  ])
  .describe('A type, or a type with its place in the record and a description.')

const retry = z
  .strictObject({
    attempts: z.number().int().min(1).max(100).default(6).describe('Attempts in all, the first included.'),
    base: duration.default('200ms').describe('Longest wait before the second attempt; doubles with each.'),
    max: duration.default('30s').describe('Longest wait before any attempt.'),
  })
  .prefault({})
  .describe('How a failed request is repeated; `Retry-After` is honoured.')

const header = headerText.describe('Its value; take secrets from `${VAR}`.')

export const httpSourceSettings = z
  .strictObject({
    type: z.literal('http'),
    url: url({ schemes: ['http', 'https'] }).describe(
      'The address of the pages, without the page parameter.',
    ),
    as: name.describe('The name of the stream and of its warehouse table.'),
    description: text.optional().describe('What a record is, in an analyst’s words, for `comment on table`.'),
    records: jsonPointer.describe('Where in a page the list of records stands.'),
    totalPages: jsonPointer
      .optional()
      .describe(
        'Where in a page the number of pages stands; left out, pages are read until two in a row, and all that held records before, are empty.',
      ),
    totalRecords: jsonPointer
      .optional()
      .describe('Where in a page the number of records stands, for an API that does not tell that of pages.'),
    maxPages: z
      .number()
      .int()
      .min(1)
      .max(1_000_000_000)
      .default(1_000_000)
      .describe('More pages than this are taken for an error of the API.'),
    page: pageSettings,
    since: sinceSettings.optional(),
    key: z
      .union([columnName, z.array(columnName).min(1, 'needs at least one column')])
      .describe('The column, or columns, that identify a record.'),
    columns: z
      .record(columnName, column)
      .refine((columns) => Object.keys(columns).length > 0, { error: 'needs at least one column' })
      .describe('Column → its type.'),
    schedule: cron
      .default('*/5 * * * *')
      .describe('When the pages are read again: minute, hour, day, month, weekday; UTC.'),
    jitter: duration
      .default('5s')
      .describe('Each reading begins up to so much later, at random: not all should ask at the full minute.'),
    requestsPerMinute: z
      .number()
      .positive()
      .max(1_000_000)
      .optional()
      .describe(
        'Most requests in a minute. What the schedule leaves of it goes to pages that are likely to have changed; left out, there is neither a limit nor reading in between.',
      ),
    maxStaleness: duration
      .optional()
      .describe(
        'No page goes unread for longer: it is read between two readings by schedule if need be. Not with `since`.',
      ),
    concurrency: z.number().int().min(1).max(64).default(4).describe('Most requests at a time.'),
    timeout: duration.default('30s').describe('Longest time that one request may take.'),
    maxBodyBytes: byteSize
      .default('64MiB')
      .describe(
        'Largest answer that is accepted; so much memory may be needed for each of the `concurrency` requests.',
      ),
    retry,
    confirmSweeps: z
      .number()
      .int()
      .min(2)
      .max(100)
      .default(2)
      .describe(
        'Equal readings of all pages in a row that must lack a record before it is deleted. Not with `since`.',
      ),
    maxDeletedShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.2)
      .describe(
        'Largest share of the records that may vanish at once; more is taken for an error of the API. 1 never is.',
      ),
    headers: z
      .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be the name of a header'), header)
      .default({})
      .describe('Headers of every request.'),
    auth: authSettings.optional(),
    userAgent: text.optional().describe('How we name ourselves; `syncline` and its version by default.'),
    proxy: proxySetting.optional(),
    tls: tlsSettings
      .optional()
      .describe('How the server’s certificate is checked, and a certificate of ours.'),
    redirectHosts: redirectHostsSetting,
    drift: driftSettings,
  })
  .describe('A paged HTTP API that answers JSON.')

export type HttpSourceSettings = z.output<typeof httpSourceSettings>

export interface HttpColumnConfig {
  readonly name: string
  readonly type: string
  /** A JSON pointer into the record. */
  readonly from: string
  readonly description: string | null
}

export interface HttpSourceConfig {
  readonly type: 'http'
  readonly name: string
  readonly url: string
  readonly stream: string
  readonly description: string | null
  readonly records: string
  readonly totalPages: string | null
  readonly totalRecords: string | null
  readonly maxPages: number
  readonly page: PagingConfig
  readonly since: SinceConfig | null
  readonly key: readonly string[]
  readonly columns: readonly HttpColumnConfig[]
  readonly schedule: string
  readonly jitterMs: number
  readonly requestsPerMinute: number | null
  readonly maxStalenessMs: number | null
  readonly concurrency: number
  readonly timeoutMs: number
  readonly maxBodyBytes: number
  readonly retry: RetryPolicy
  readonly confirmSweeps: number
  readonly maxDeletedShare: number
  readonly headers: Readonly<Record<string, string>>
  readonly auth: AuthConfig | null
  readonly userAgent: string | null
  readonly proxy: string | null
  readonly tls: TlsConfig | null
  readonly redirectHosts: readonly string[]
  readonly drift: z.output<typeof driftSettings>
}

export function httpSourceConfig(
  source: string,
  settings: HttpSourceSettings,
  absolute: (path: string) => string,
): HttpSourceConfig {
  const { url, as, description, records, page, since, key, schedule, concurrency } = settings
  const { auth, tls, maxStaleness, requestsPerMinute, redirectHosts, drift } = settings
  return {
    type: 'http',
    name: source,
    url,
    stream: as,
    description: description ?? null,
    records,
    totalPages: settings.totalPages ?? null,
    totalRecords: settings.totalRecords ?? null,
    maxPages: settings.maxPages,
    page: pagingConfig(page),
    since: since === undefined ? null : sinceConfig(since),
    key: typeof key === 'string' ? [key] : key,
    columns: Object.entries(settings.columns).map(([column, setting]) => columnConfig(column, setting)),
    schedule,
    jitterMs: msOf(settings.jitter),
    requestsPerMinute: requestsPerMinute ?? null,
    maxStalenessMs: maxStaleness === undefined ? null : msOf(maxStaleness),
    concurrency,
    timeoutMs: msOf(settings.timeout),
    maxBodyBytes: bytesOf(settings.maxBodyBytes),
    retry: {
      attempts: settings.retry.attempts,
      baseMs: msOf(settings.retry.base),
      maxMs: msOf(settings.retry.max),
    },
    confirmSweeps: settings.confirmSweeps,
    maxDeletedShare: settings.maxDeletedShare,
    headers: settings.headers,
    auth: auth === undefined ? null : authConfig(auth),
    userAgent: settings.userAgent ?? null,
    proxy: settings.proxy ?? null,
    tls: tls === undefined ? null : tlsConfig(tls, absolute),
    ...{ redirectHosts, drift },
  }
}

function columnConfig(column: string, setting: HttpSourceSettings['columns'][string]): HttpColumnConfig {
  const { type, from, description } = typeof setting === 'string' ? { type: setting } : setting
  return { name: column, type, from: from ?? `/${column}`, description: description ?? null }
}
