import type { Change } from '../../changes/change.ts'
import type { ChangePiece, Rejected } from '../../changes/change-batch.ts'
import { OperatorError } from '../../runtime/errors.ts'
import { readEvent, readHeader, UnknownEvent, type BinlogEvent, type RowsEvent } from '../binlog/event.ts'
import type { CharacterSets } from '../binlog/character-sets.ts'
import type { Flavour } from '../server.ts'
import type { BatchBuilder, Mark } from './batch-builder.ts'
import type { FollowedTable } from './followed-table.ts'
import { readRowChanges } from './row-changes.ts'
import { TableMaps } from './table-maps.ts'
import { transactionControl } from './transaction-control.ts'
import type { TransactionId } from './transaction-ids.ts'

/** What a log event asks for beyond the changes that were appended. */
export type Effect =
  /** A statement that is no control of transactions: DDL, or a change that was logged as text. */
  | { readonly kind: 'statement'; readonly schema: string; readonly sql: string }
  /** Rows of a table could not be taken in: it has to be read anew. */
  | { readonly kind: 'lost-rows'; readonly table: FollowedTable; readonly reason: string }
  /** Rows of nobody knows which tables could not be taken in. */
  | { readonly kind: 'lost-everything'; readonly reason: string }

export interface LogReaderOptions {
  readonly flavour: Flavour
  readonly characterSets: CharacterSets
  readonly builder: BatchBuilder
  readonly findTable: (schema: string, name: string) => FollowedTable | null
  /** Called at every commit, before the builder's mark moves. */
  readonly onCommit: (id: TransactionId | null) => void
  /** Most memory of transactions that are prepared and not committed. */
  readonly preparedBytes: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

interface Prepared {
  readonly changes: readonly Change[]
  readonly rejected: readonly Rejected[]
  readonly bytes: number
}

/** The strings and headers of a decoded row per byte of its image, and the row itself. */
const imageFactor = 2
const rowBytes = 300

/**
 * Assembles events into transactions. Rows are appended to the builder as they come; they count from the commit on.
 * One instance serves one connection, since numbers of tables mean nothing on the next; prepared transactions outlive
 * it and are passed on.
 */
export class LogReader {
  readonly #options: LogReaderOptions
  readonly #maps: TableMaps<FollowedTable>
  readonly prepared: Map<string, Prepared | null>
  #id: TransactionId | null = null
  #inGroup = false
  #inPieces = false
  #savepoints = new Map<string, Mark>()
  #commitTime: number | null = null
  #file = ''
  /** Where the last commit ends, for MariaDB's barrier; null before the first one and where it cannot be told. */
  lastCommit: { readonly file: string; readonly offset: number } | null = null

  constructor(options: LogReaderOptions, prepared: Map<string, Prepared | null> = new Map()) {
    this.#options = options
    this.#maps = new TableMaps(options.findTable)
    this.prepared = prepared
  }

  /** Of the transaction that is being read. */
  get openId(): TransactionId | null {
    return this.#id
  }

  /** Takes an event in; returns what else has to be done before the next one. */
  accept(packet: Buffer): Effect | null {
    const event = readKnownEvent(packet, this.#options.flavour)
    switch (event.kind) {
      case 'rows':
        return this.#onRows(event)
      case 'table-map':
        this.#maps.learn(event.tableId, event.body)
        return null
      case 'mysql-gtid':
      case 'mariadb-gtid':
        this.#begin(event)
        this.#inGroup = event.kind === 'mariadb-gtid' && !event.standalone
        return null
      case 'xid':
        this.#commit(event)
        return null
      case 'query':
        return this.#onQuery(event)
      case 'xa-prepare':
        if (event.onePhase) this.#commit(event)
        else this.#prepare(event)
        return null
      case 'rotate':
        this.#file = event.file
        return null
      case 'unreadable':
        return this.#onUnreadable(event)
      case 'anonymous-gtid':
        throw new OperatorError({
          code: 'anonymous-transaction',
          message: 'the log has a transaction without a GTID, which no position can stand for',
          hint: 'set persist gtid_mode = ON',
          area: 'server',
        })
      case 'heartbeat':
      case 'ignored':
        return null
      default:
        return event satisfies never
    }
  }

  /** Takes away what there is of the transaction under way, when it is larger than memory. */
  takePiece(): ChangePiece {
    this.#inPieces = true
    const { builder } = this.#options
    return builder.takeFrom(builder.committed)
  }

  /** Ends a statement that is a transaction of its own, when its effect has been seen to. */
  statementDone(packet: Buffer): void {
    if (!this.#inGroup) this.#commit(readHeader(packet))
  }

  #begin(id: TransactionId): void {
    this.#id = id
    this.#inPieces = false
    this.#savepoints.clear()
    this.#commitTime = id.kind === 'mysql-gtid' ? id.committedAt : null
  }

  #commit({ timestamp, nextOffset }: { readonly timestamp: number; readonly nextOffset: number }): void {
    const { builder, onCommit } = this.#options
    onCommit(this.#id)
    const hasRows = builder.mark.changes > builder.committed.changes
    builder.commit(hasRows ? (this.#commitTime ?? this.#withinSecond(timestamp)) : null)
    this.#noteEnd(nextOffset)
    this.#id = null
    this.#inGroup = false
  }

  /** MariaDB tells the second only: the latest moment of it that can be. */
  #withinSecond(timestamp: number): number {
    return Math.min(this.#options.now(), timestamp * 1000 + 999)
  }

  /** Offsets are counted modulo 2³²: one that falls within a file tells nothing. */
  #noteEnd(nextOffset: number): void {
    const last = this.lastCommit
    const wrapped =
      nextOffset === 0 || (last !== null && last.file === this.#file && nextOffset < last.offset)
    this.lastCommit = wrapped ? null : { file: this.#file, offset: nextOffset }
  }

  #onRows(event: RowsEvent): Effect | null {
    const mapped = this.#maps.get(event.tableId)
    const table = mapped?.table ?? null
    if (mapped === undefined || table === null) return null
    if (table.state !== 'followed' && table.state !== 'reading') return null
    const layout = table.layoutOf(mapped.body, this.#options.characterSets)
    if (typeof layout === 'string') return { kind: 'lost-rows', table, reason: layout }
    if (
      event.columnCount !== layout.columnCount ||
      !layout.isFull(event.present) ||
      (event.presentAfter !== null && !layout.isFull(event.presentAfter))
    ) {
      return {
        kind: 'lost-rows',
        table,
        reason: 'has a change logged without all columns (binlog_row_image)',
      }
    }
    const { builder } = this.#options
    const before = builder.mark
    const imageBytes = event.images.remaining
    try {
      if (table.shape !== null) readRowChanges(event, { layout, shape: table.shape }, builder)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      builder.rollBackTo(before)
      return { kind: 'lost-rows', table, reason: `has rows in the log that cannot be read: ${error.message}` }
    }
    table.readWithoutAlteration = false
    builder.grow(imageBytes * imageFactor + (builder.changes.length - before.changes) * rowBytes)
    return null
  }

  #onQuery(event: Extract<BinlogEvent, { kind: 'query' }>): Effect | null {
    const control = transactionControl(event.sql)
    const { builder } = this.#options
    switch (control?.kind) {
      case undefined:
        return { kind: 'statement', schema: event.schema, sql: event.sql }
      case 'begin':
      case 'xa-start':
        this.#inGroup = true
        return null
      case 'none':
        return null
      case 'commit':
        this.#commit(event)
        return null
      case 'rollback':
        return this.#rollBack(event)
      case 'savepoint':
        this.#savepoints.set(control.name, builder.mark)
        return null
      case 'rollback-to': {
        if (this.#inPieces)
          return { kind: 'lost-everything', reason: 'the log goes back in a large transaction' }
        builder.rollBackTo(this.#savepoints.get(control.name) ?? builder.committed)
        return null
      }
      case 'xa-commit':
        return this.#commitPrepared(control.xid, event)
      case 'xa-rollback':
        this.prepared.delete(control.xid)
        builder.note({ key: `xa/${control.xid}`, value: undefined })
        this.#commit(event)
        return null
      default:
        return control satisfies never
    }
  }

  /** Tables without transactions keep what was written: nobody can tell which rows those are. */
  #rollBack(event: { readonly timestamp: number; readonly nextOffset: number }): Effect | null {
    const { builder } = this.#options
    const { changes } = builder.takeFrom(builder.committed)
    this.#commit(event)
    return changes.length === 0
      ? null
      : { kind: 'lost-everything', reason: 'the log has a rolled back transaction' }
  }

  /** The rows wait in memory for the commit; a line of the ledger tells, after a restart, which streams they belong to. */
  #prepare(event: { readonly timestamp: number; readonly nextOffset: number; readonly xid: string }): void {
    const { builder, preparedBytes } = this.#options
    const { changes, rejected, bytes } = builder.takeFrom(builder.committed)
    const streams = [...new Set([...changes, ...rejected].map(({ stream }) => stream))]
    if (streams.length > 0) {
      const held = [...this.prepared.values()].reduce((sum, one) => sum + (one?.bytes ?? 0), bytes)
      this.prepared.set(event.xid, held > preparedBytes ? null : { changes, rejected, bytes })
      builder.note({ key: `xa/${event.xid}`, value: streams })
    } else {
      this.prepared.set(event.xid, { changes, rejected, bytes })
    }
    this.#commit(event)
  }

  #commitPrepared(
    xid: string,
    event: { readonly timestamp: number; readonly nextOffset: number },
  ): Effect | null {
    const { builder } = this.#options
    const rows = this.prepared.get(xid)
    this.prepared.delete(xid)
    builder.note({ key: `xa/${xid}`, value: undefined })
    if (rows !== undefined && rows !== null) {
      for (const change of rows.changes) builder.changes.push(change)
      for (const one of rows.rejected) builder.rejected.push(one)
      builder.grow(rows.bytes)
    }
    this.#commit(event)
    return rows == null
      ? { kind: 'lost-everything', reason: `the rows of XA transaction ${xid} are not known` }
      : null
  }

  #onUnreadable({ what, cure }: Extract<BinlogEvent, { kind: 'unreadable' }>): Effect {
    if (cure === '') return { kind: 'lost-everything', reason: `the log has ${what}` }
    throw new OperatorError({
      code: 'log-unreadable',
      message: `the log has ${what}, which cannot be read`,
      hint: `${cure}; then run \`syncline resync\` for every stream of this source.`,
      area: 'server',
    })
  }
}

function readKnownEvent(packet: Buffer, flavour: Flavour): BinlogEvent {
  try {
    return readEvent(packet, flavour)
  } catch (error) {
    if (!(error instanceof UnknownEvent)) throw error
    throw new OperatorError({
      code: 'event-unknown',
      message: `the log has ${error.message}`,
      hint: 'The server is newer than this version of Syncline: upgrade Syncline.',
      area: 'server',
    })
  }
}
