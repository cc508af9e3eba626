import type { ChangePiece } from '../../changes/change-batch.ts'
import { OperatorError } from '../../runtime/errors.ts'
import {
  beginOf,
  readEvent,
  readHeader,
  UnknownEvent,
  type AnonymousGtid,
  type BinlogEvent,
  type EventHeader,
  type MariadbGtid,
  type MysqlGtid,
  type RowsEvent,
} from '../binlog/event.ts'
import type { CharacterSets } from '../binlog/character-sets.ts'
import type { Flavour } from '../server.ts'
import type { BatchBuilder } from './batch-builder.ts'
import type { Effect } from './effect.ts'
import type { FollowedTable } from './followed-table.ts'
import type { PreparedTransactions } from './prepared-transactions.ts'
import { readRowChanges } from './row-changes.ts'
import { Savepoints } from './savepoints.ts'
import { TableMaps } from './table-maps.ts'
import { transactionControl } from './transaction-control.ts'
import type { TransactionId } from './transaction-ids.ts'
import { lostOf, XaTransaction } from './xa-transaction.ts'

export interface LogReaderOptions {
  readonly flavour: Flavour
  readonly characterSets: CharacterSets
  readonly builder: BatchBuilder
  readonly findTable: (schema: string, name: string) => FollowedTable | null
  /** Called at every commit, before the builder's mark moves. */
  readonly onCommit: (id: TransactionId | null) => void
  /** Whether the server is set up to log changes in a form that cannot be read. */
  readonly isUnreadable: boolean
  /** Called when the log comes to a place between two transactions. */
  readonly onPlace: (to: { readonly file: string; readonly offset: number }) => void
  /** Whether transactions are known by where they end, for lack of GTIDs. */
  readonly byFile: boolean
  /** Outlive the connection. */
  readonly prepared: PreparedTransactions
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** The strings and headers of a decoded row per byte of its image, and the row itself. */
const imageFactor = 2
const rowBytes = 300

/**
 * Assembles events into transactions. Rows are appended to the builder as they come; they count from the commit on.
 * One instance serves one connection, since numbers of tables mean nothing on the next.
 */
export class LogReader {
  readonly #options: LogReaderOptions
  readonly #maps: TableMaps<FollowedTable>
  #id: TransactionId | null = null
  #inGroup = false
  #inPieces = false
  /** The open transaction, if it is one whose end is not its commit. */
  #xa: XaTransaction | null = null
  readonly #savepoints = new Savepoints()
  #commitTime: number | null = null
  #file = ''
  /** Where the last commit ends, for MariaDB's barrier; null before the first one and where it cannot be told. */
  lastCommit: { readonly file: string; readonly offset: number } | null = null

  constructor(options: LogReaderOptions) {
    this.#options = options
    this.#maps = new TableMaps(options.findTable)
  }

  /** Of the transaction that is being read. */
  get openId(): TransactionId | null {
    return this.#id
  }

  /** Takes an event in; returns what else has to be done before the next one. */
  accept(packet: Buffer): Effect | null {
    const effect = this.#onEvent(readKnownEvent(packet, this.#options.flavour), packet)
    if (effect === null || this.#xa === null) return effect
    this.#xa.defer(effect)
    return null
  }

  #onEvent(event: BinlogEvent, packet: Buffer): Effect | null {
    switch (event.kind) {
      case 'rows':
        return this.#onRows(event)
      case 'table-map':
        this.#maps.learn(event.tableId, event.body)
        return null
      case 'mysql-gtid':
      case 'anonymous-gtid':
      case 'mariadb-gtid':
        // What began before must have ended, in whatever way.
        if (this.#id !== null) this.#commit(event)
        this.#begin(this.#idOf(event, packet))
        this.#inGroup = event.kind === 'mariadb-gtid' && !event.standalone
        if (event.kind === 'mariadb-gtid' && event.beginsXa) this.#xa = new XaTransaction()
        return null
      case 'xid':
        this.#commit(event)
        return null
      case 'query':
        return this.#onQuery(event)
      case 'xa-prepare':
        return this.#onPrepare(event)
      case 'rotate':
        this.#file = event.file
        this.#options.onPlace({ file: event.file, offset: Number(event.offset) })
        return null
      case 'unreadable':
        return this.#onUnreadable(event)
      case 'format':
        return this.#onFormat(event)
      case 'ignored':
        this.#pass(event)
        return null
      case 'heartbeat':
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
    this.#commitTime = id.kind === 'mariadb-gtid' ? null : id.committedAt
  }

  /** What a file begins with is no transaction; an idle server's place is behind it. */
  #pass({ nextOffset }: EventHeader): void {
    const { byFile, onPlace } = this.#options
    if (byFile && this.#id === null && nextOffset > 0) onPlace({ file: this.#file, offset: nextOffset })
  }

  /**
   * No transaction spans two files: the server crashed within one that is open, never committed it and gives its number to
   * another one.
   */
  #onFormat(event: EventHeader): Effect | null {
    const { builder } = this.#options
    if (this.#inPieces) {
      // Whoever said that it was read would be sent nothing of what is given its number.
      this.#id = null
      return this.#rollBack(event)
    }
    builder.rollBackTo(builder.committed)
    this.#reset()
    this.#pass(event)
    return null
  }

  /** Where there are no GTIDs, by where the transaction will end. */
  #idOf(event: BinlogEvent & (MysqlGtid | AnonymousGtid | MariadbGtid), packet: Buffer): TransactionId {
    if (event.kind === 'mariadb-gtid') return event
    if (!this.#options.byFile) {
      if (event.kind === 'mysql-gtid') return event
      throw new OperatorError({
        code: 'anonymous-transaction',
        message: 'the log has a transaction without a GTID, which no set of GTIDs can stand for',
        hint: 'set persist gtid_mode = ON',
        area: 'server',
      })
    }
    const { committedAt, length } = event
    if (length === null) {
      throw new OperatorError({
        code: 'transaction-length-missing',
        message: 'the log has a transaction that does not tell its length, so that its end is not known',
        hint: 'set persist gtid_mode = ON',
        area: 'server',
      })
    }
    return { kind: 'file', file: this.#file, offset: beginOf(packet) + length, committedAt }
  }

  #commit({ timestamp, nextOffset }: { readonly timestamp: number; readonly nextOffset: number }): void {
    const { builder, onCommit } = this.#options
    onCommit(this.#id)
    const hasRows = builder.mark.changes > builder.committed.changes
    builder.commit(hasRows ? (this.#commitTime ?? this.#withinSecond(timestamp)) : null)
    this.#noteEnd(nextOffset)
    this.#reset()
  }

  /** Between two transactions. */
  #reset(): void {
    this.#id = null
    this.#inGroup = false
    this.#inPieces = false
    this.#xa = null
    this.#savepoints.clear()
  }

  /** Where nothing began that could be prepared, whatever did could not be read: its commit is an unknown one's. */
  #onPrepare(event: EventHeader & { readonly onePhase: boolean; readonly xid: string }): Effect | null {
    const { builder, prepared } = this.#options
    const xa = this.#xa
    if (!event.onePhase && xa !== null) prepared.prepare(event.xid, xa, builder)
    this.#commit(event)
    if (!event.onePhase || xa === null) return null
    const reason = `the rows of XA transaction ${event.xid} are not known`
    return xa.isUnknown ? { kind: 'lost-everything', reason } : lostOf(xa.touched, reason)
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
    this.#xa?.touch(table)
    if (this.#xa?.isTooLarge === true) return null
    if (table.state !== 'followed' && table.state !== 'reading') return null
    const layout = table.layoutOf(mapped.body, this.#options.characterSets)
    if (typeof layout === 'string') return { kind: 'lost-rows', table, reason: layout, lasting: true }
    if (
      event.columnCount !== layout.columnCount ||
      !layout.isFull(event.present) ||
      (event.presentAfter !== null && !layout.isFull(event.presentAfter))
    ) {
      return {
        kind: 'lost-rows',
        table,
        reason: 'has a change logged without all columns (binlog_row_image)',
        lasting: false,
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
      const reason = `has rows in the log that cannot be read: ${error.message}`
      return { kind: 'lost-rows', table, reason, lasting: true }
    }
    table.readWithoutAlteration = false
    builder.grow(imageBytes * imageFactor + (builder.changes.length - before.changes) * rowBytes)
    this.#boundXa()
    return null
  }

  /** Its rows cannot be given out in pieces, since they may never be committed. */
  #boundXa(): void {
    const { builder, prepared } = this.#options
    if (this.#xa === null || builder.openBytes <= prepared.maxBytes) return
    this.#xa.giveUpRows()
    builder.rollBackTo(builder.committed)
  }

  #onQuery(event: Extract<BinlogEvent, { kind: 'query' }>): Effect | null {
    // Whatever the session speaks, the server writes these in UTF-8.
    const control = transactionControl(event.sql)
    const { builder, prepared } = this.#options
    switch (control?.kind) {
      case undefined:
        return { kind: 'statement', schema: event.schema, sql: event.sql, encoded: event.encoded }
      case 'begin':
        this.#inGroup = true
        return null
      case 'xa-start':
        this.#inGroup = true
        this.#xa = new XaTransaction()
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
        if (this.#xa?.isTooLarge === true) return null
        const mark = this.#savepoints.find(control.name, builder.committed)
        if (mark === null)
          return { kind: 'lost-everything', reason: `the log goes back to a savepoint ${control.name}` }
        builder.rollBackTo(mark)
        return null
      }
      case 'xa-commit': {
        const effect = prepared.commit(control.xid, builder)
        this.#commit(event)
        return effect
      }
      case 'xa-rollback':
        if (this.#xa !== null) return this.#rollBack(event)
        prepared.rollBack(control.xid, builder)
        this.#commit(event)
        return null
      default:
        return control satisfies never
    }
  }

  /** Tables without transactions keep what was written: nobody can tell which rows those are. */
  #rollBack(event: { readonly timestamp: number; readonly nextOffset: number }): Effect | null {
    const { builder } = this.#options
    const isEmpty = builder.takeFrom(builder.committed).bytes === 0 && !this.#inPieces && this.#xa === null
    this.#commit(event)
    return isEmpty ? null : { kind: 'lost-everything', reason: 'the log has a rolled back transaction' }
  }

  /** Once the server does not do it any more, what it did before is mended by reading everything again. */
  #onUnreadable(event: Extract<BinlogEvent, { kind: 'unreadable' }>): Effect {
    const { what, cure, endsTransaction } = event
    if (cure !== '' && this.#options.isUnreadable) {
      throw new OperatorError({
        code: 'log-unreadable',
        message: `the log has ${what}, which cannot be read`,
        hint: `${cure}; then every table is read again, by itself.`,
        area: 'server',
      })
    }
    if (endsTransaction) this.#commit(event)
    return { kind: 'lost-everything', reason: `the log has ${what}` }
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
