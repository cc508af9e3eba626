import type { QueryEvent } from '../binlog/query-event.ts'
import type { FollowedTable } from './followed-table.ts'

/** What a log event asks for beyond the changes that were appended. */
export type Effect =
  /** A statement that is no control of transactions: DDL, or a change that was logged as text. */
  | ({ readonly kind: 'statement' } & Pick<QueryEvent, 'schema' | 'sql' | 'encoded'>)
  /** Rows of a table could not be taken in: it has to be read anew. */
  | {
      readonly kind: 'lost-rows'
      readonly table: FollowedTable
      readonly reason: string
      /** Whether the rows to come will not fit either, unless the table is altered. */
      readonly lasting: boolean
    }
  /** Rows of these tables are not known any more. */
  | { readonly kind: 'lost-tables'; readonly tables: readonly FollowedTable[]; readonly reason: string }
  /** Rows of nobody knows which tables could not be taken in. */
  | { readonly kind: 'lost-everything'; readonly reason: string }
