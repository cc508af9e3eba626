import { z } from 'zod'
import { mysqlUrlProblem } from '../runtime/mysql-url.ts'
import { bytesOf } from './byte-size.ts'
import { msOf } from './duration.ts'
import { tlsConfig, tlsSettings, type TlsConfig } from './tls.ts'
import { byteSize, duration, name, text, url } from './values.ts'

const mysqlUrl = url({
  schemes: ['mysql', 'mariadb'],
  named: ['mysql'],
  check: (parsed) =>
    mysqlUrlProblem(parsed) ??
    (parsed.pathname.length > 1 ? null : 'must name the database, as in mysql://host/database'),
})

const table = z.strictObject({
  as: name
    .optional()
    .describe('The name of the stream and of its warehouse table; by default the table’s own.'),
  description: text.optional().describe('What a row is, in an analyst’s words, for `comment on table`.'),
  schemaChanges: z
    .enum(['evolve', 'freeze', 'quarantine'])
    .default('evolve')
    .describe(
      'When the table is altered: `evolve` takes on its columns, `freeze` keeps those it has and stops if the table cannot give them, `quarantine` stops. A stopped stream goes on after `syncline resync`.',
    ),
})

export const mysqlSourceSettings = z
  .strictObject({
    type: z.literal('mysql'),
    url: mysqlUrl.describe('`mysql://user:password@host:port/database`; also for MariaDB.'),
    tables: z
      .record(text, table)
      .refine((tables) => Object.keys(tables).length > 0, { error: 'needs at least one table' })
      .describe('Table → what becomes of it.'),
    snapshot: z
      .strictObject({
        chunkRows: z.number().int().min(1).max(1_000_000).default(5000).describe('Most rows read at a time.'),
        chunkBytes: byteSize
          .default('4MiB')
          .describe('Most memory that a chunk may take; there are two at a time.'),
      })
      .prefault({})
      .describe('How tables are read in chunks.'),
    audit: z
      .strictObject({
        every: duration
          .optional()
          .describe(
            'How often each table is compared with its mirror in the background, as `syncline verify` does; by default never.',
          ),
        rowsPerSecond: z
          .number()
          .int()
          .min(1)
          .default(1000)
          .describe('How fast it reads in the background, so that the source hardly notices.'),
      })
      .prefault({})
      .describe('The comparison in the background; its result is in `syncline status`.'),
    zeroDates: z
      .literal([null, 'reject'])
      .default(null)
      .describe('What becomes of `0000-00-00`: `null`, or `reject` to send the record to the dead letters.'),
    tls: tlsSettings.optional().describe('Present (even empty): the connection is encrypted.'),
  })
  .describe('Tables of a MySQL or MariaDB server: a snapshot in chunks, then its binlog.')

export type MysqlSourceSettings = z.output<typeof mysqlSourceSettings>

export interface MysqlTableConfig {
  /** As the source calls it. */
  readonly table: string
  readonly stream: string
  readonly description: string | null
  readonly schemaChanges: 'evolve' | 'freeze' | 'quarantine'
}

export interface MysqlSourceConfig {
  readonly type: 'mysql'
  readonly name: string
  readonly url: string
  readonly tables: readonly MysqlTableConfig[]
  readonly snapshot: { readonly chunkRows: number; readonly chunkBytes: number }
  /** Null: never. */
  readonly audit: { readonly everyMs: number; readonly rowsPerSecond: number } | null
  readonly zeroDates: 'null' | 'reject'
  /** Null: not encrypted. Paths are absolute. */
  readonly tls: TlsConfig | null
}

export function mysqlSourceConfig(
  source: string,
  settings: MysqlSourceSettings,
  absolute: (path: string) => string,
): MysqlSourceConfig {
  const { tls } = settings
  return {
    type: 'mysql',
    name: source,
    url: settings.url,
    tables: Object.entries(settings.tables).map(([table, { as, description, schemaChanges }]) => ({
      table,
      stream: as ?? table,
      description: description ?? null,
      schemaChanges,
    })),
    snapshot: { chunkRows: settings.snapshot.chunkRows, chunkBytes: bytesOf(settings.snapshot.chunkBytes) },
    audit:
      settings.audit.every === undefined
        ? null
        : { everyMs: msOf(settings.audit.every), rowsPerSecond: settings.audit.rowsPerSecond },
    zeroDates: settings.zeroDates ?? 'null',
    tls: tls ? tlsConfig(tls, absolute) : null,
  }
}
