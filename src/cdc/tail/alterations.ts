import { OperatorError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { EncodedText } from '../binlog/query-event.ts'
import { alterationOf } from '../ddl/alteration.ts'
import type { AlterAction } from '../ddl/alter-actions.ts'
import { parseStatement, type NamedTable, type Statement } from '../ddl/statement.ts'
import type { CodecOptions } from '../rows/value-codec.ts'
import { tableEntry } from '../snapshot-ledger.ts'
import { streamColumns } from '../table.ts'
import type { BatchBuilder } from './batch-builder.ts'
import type { Effect } from './effect.ts'
import type { FollowedTable } from './followed-table.ts'
import type { FollowedTables } from './followed-tables.ts'
import { policyProblem } from './schema-policy.ts'
import { shapeEntry, type Shape } from './shape.ts'
import { isTableLocked } from './table-lock.ts'
import type { TableReadings } from './table-readings.ts'

export interface AlterationsOptions extends CodecOptions {
  readonly tables: FollowedTables
  readonly readings: TableReadings
  readonly builder: BatchBuilder
  readonly describe: (table: FollowedTable) => Promise<Shape>
  /** Null when it cannot be told. */
  readonly decode: (text: EncodedText) => Promise<string | null>
  /** Of the source's position. */
  readonly run: () => number
  readonly log: Logger
}

/** What happens to tables beside changes of their rows. */
export class Alterations {
  readonly #options: AlterationsOptions

  constructor(options: AlterationsOptions) {
    this.#options = options
  }

  async apply(effect: Effect): Promise<void> {
    switch (effect.kind) {
      case 'statement':
        await this.#onText(effect)
        return
      case 'lost-rows':
        if (effect.lasting) this.#onLostRows(effect.table, effect.reason)
        else this.#readAgain(effect.table, effect.reason)
        return
      case 'lost-tables':
        for (const table of effect.tables) this.#readAgain(table, `may lack changes (${effect.reason})`)
        return
      case 'lost-everything':
        this.#readAllAgain(effect.reason)
        return
      default:
        effect satisfies never
    }
  }

  /** Also one that was stopped: whoever asks accepts the table as it is now. */
  resync(stream: string): void {
    const { tables, readings } = this.#options
    const table = tables.ofStream(stream)
    if (table === null) return
    if (table.state === 'stopped') {
      table.state = 'unread'
      table.accepted = true
      // A description under way is of what was wanted before.
      table.alterations++
    }
    readings.request(table)
  }

  /** Its rows are passed over until somebody acts. Unless `lasting`, opening the source again tries again. */
  stop(table: FollowedTable, reason: string, { lasting }: { lasting: boolean }): void {
    const { log, builder } = this.#options
    table.alterations++
    table.state = 'stopped'
    table.reason = reason
    log.error({ stream: table.stream }, `stream ${table.stream} is not followed any more: ${reason}`)
    builder.note({ key: `snapshot/${table.stream}`, value: undefined })
    if (lasting) builder.note({ key: `stopped/${table.stream}`, value: reason })
  }

  async #onText({ schema, sql, encoded }: Extract<Effect, { kind: 'statement' }>): Promise<void> {
    const text = encoded === null ? sql : await this.#options.decode(encoded)
    if (text === null) this.#readAllAgain('the log has a statement that is no text of its character set')
    else await this.#onStatement(parseStatement(text), schema)
  }

  async #onStatement(statement: Statement, schema: string): Promise<void> {
    const { tables, builder } = this.#options
    const find = (named: NamedTable): FollowedTable | null => tables.find(named.schema ?? schema, named.name)
    switch (statement.kind) {
      case 'irrelevant':
        return
      case 'create': {
        const table = find(statement.table)
        // If it was there already, nothing was created.
        if (table !== null && !(statement.ifNotExists && table.isDelivered))
          this.#readAgain(table, 'was created')
        return
      }
      case 'alter':
        await this.#onAlter(find(statement.table), statement.actions, schema)
        return
      case 'rename':
        for (const [from, to] of statement.pairs) this.#onRename(find(from), to.name)
        for (const [, to] of statement.pairs) this.#readAgainIf(find(to), 'is another one, renamed to it')
        return
      case 'drop':
        for (const named of statement.tables) this.#onDrop(find(named))
        return
      case 'drop-schema':
        for (const table of tables.inSchema(statement.schema)) this.#onDrop(table)
        return
      case 'truncate': {
        const table = find(statement.table)
        if (table?.isDelivered !== true) return
        builder.changes.push({ kind: 'truncate', stream: table.stream })
        // What a comparison has read and not delivered yet is there no more, and no key of it is in the log.
        table.alterations++
        if (table.state === 'reading') this.#readAgain(table, 'was truncated while it was read')
        return
      }
      case 'write':
        this.#readAllAgain('the log has a change as a statement instead of as rows')
        return
      case 'unknown':
        for (const table of tables.all) {
          if (statement.words.has(table.captured.name.name.toLowerCase())) {
            this.#readAgain(table, 'occurs in a statement that is not understood')
          }
        }
        return
      default:
        statement satisfies never
    }
  }

  async #onAlter(
    table: FollowedTable | null,
    actions: readonly AlterAction[],
    schema: string,
  ): Promise<void> {
    const renamed = actions.find((action) => action.kind === 'rename-table')
    if (renamed !== undefined) {
      this.#onRename(table, renamed.name)
      this.#readAgainIf(
        this.#options.tables.find(renamed.schema ?? schema, renamed.name),
        'is another one, renamed to it',
      )
      return
    }
    if (table === null || actions.every(({ kind }) => kind === 'harmless')) return
    if (table.state === 'stopped') return
    if (table.shape === null || table.state !== 'followed') {
      this.#readAgain(table, 'was altered while it was read')
      return
    }
    await this.#adopt(table, table.shape, actions)
  }

  /** Goes on with the rows that are there if it can. */
  async #adopt(table: FollowedTable, before: Shape, actions: readonly AlterAction[]): Promise<void> {
    const { describe, builder } = this.#options
    let now: Shape
    try {
      now = await describe(table)
    } catch (error) {
      // Whoever reads it again waits for its lock without keeping the log waiting.
      if (!(error instanceof OperatorError || isTableLocked(error))) throw error
      // It may have been dropped since; then the log will say so.
      this.#readAgain(table, `was altered and cannot be described: ${error.message}`)
      return
    }
    const problem = policyProblem(table, now)
    if (problem !== null) {
      this.stop(table, problem, { lasting: true })
      return
    }
    const alteration = alterationOf({ before: before.described, now: now.described, actions })
    if (alteration.kind === 'read-again') {
      this.#readAgain(table, alteration.why)
      return
    }
    const changed = now.fingerprint !== before.fingerprint
    table.adopt(now)
    builder.note(shapeEntry(table.stream, now))
    if (!changed) return
    builder.changes.push({
      kind: 'schema',
      stream: table.stream,
      columns: streamColumns(now.table, this.#options),
    })
    const { rows } = table
    builder.note(
      tableEntry(table.stream, {
        run: this.#options.run(),
        state: 'done',
        lastKey: null,
        rows,
        fingerprint: now.fingerprint,
      }),
    )
  }

  #onRename(table: FollowedTable | null, to: string): void {
    if (table === null) return
    this.stop(
      table,
      `table ${table.name} was renamed to ${to}; its rows are kept, and read anew once it is there again`,
      { lasting: false },
    )
  }

  #onDrop(table: FollowedTable | null): void {
    if (table === null) return
    this.stop(
      table,
      `table ${table.name} was dropped; its rows are kept, and read anew once it is there again`,
      { lasting: false },
    )
  }

  /** Rows that do not fit a table which was just read, without a statement that says why, would not fit it again. */
  #onLostRows(table: FollowedTable, reason: string): void {
    if (table.readWithoutAlteration) {
      this.stop(
        table,
        `table ${table.name} ${reason}; run \`syncline resync ${table.stream}\` when that is mended`,
        { lasting: true },
      )
      return
    }
    this.#readAgain(table, reason)
    table.readWithoutAlteration = true
  }

  #readAllAgain(reason: string): void {
    for (const table of this.#options.tables.all) this.#readAgain(table, `may lack changes (${reason})`)
  }

  #readAgainIf(table: FollowedTable | null, reason: string): void {
    if (table !== null) this.#readAgain(table, reason)
  }

  /** Its rows are passed over until it is read, which the ledger has to know in case that we are stopped before. */
  #readAgain(table: FollowedTable, reason: string): void {
    const { log, builder, readings } = this.#options
    // Who logs statements logs many.
    if (table.state !== 'unread')
      log.warn({ stream: table.stream }, `table ${table.name} ${reason}: it is read again`)
    table.alterations++
    table.readWithoutAlteration = false
    table.state = 'unread'
    table.reason = reason
    builder.note({ key: `snapshot/${table.stream}`, value: undefined })
    readings.request(table)
  }
}
