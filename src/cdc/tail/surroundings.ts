import { OperatorError } from '../../runtime/errors.ts'
import { CharacterSets } from '../binlog/character-sets.ts'
import type { EncodedText } from '../binlog/query-event.ts'
import { unusable, type CapturedTable } from '../captured-table.ts'
import type { Connection } from '../connection.ts'
import { cascadeDefects } from '../preflight-cascades.ts'
import { shapeDefects } from '../preflight-tables.ts'
import type { Reader } from '../reader.ts'
import type { CodecOptions } from '../rows/value-codec.ts'
import type { Flavour } from '../server.ts'
import { isGtidHeld, readHigh } from '../log.ts'
import { smallestFirst } from '../table-order.ts'
import { describeTable, estimateRows } from '../table.ts'
import type { FollowedTable } from './followed-table.ts'
import { logPlace } from './log-start.ts'
import { shapeOf, type Shape } from './shape.ts'
import { isTableLocked, waitForStatement } from './table-lock.ts'
import type { Described } from './table-readings.ts'

/** Told why a table is locked, and null when it is not. */
type OnLock = (why: string | null) => void

export interface ServerTraits {
  readonly flavour: Flavour
  /** Names that differ in case alone are the same table. */
  readonly foldsCase: boolean
}

interface SurroundingsOptions extends CodecOptions {
  /** Of what the log waits for. */
  readonly questions: Reader
  /** Of those who read tables while the log goes on. */
  readonly chunks: Reader
}

/** What is asked of the server beside its log. */
export class Surroundings {
  readonly #questions: Reader
  readonly #chunks: Reader
  readonly #codec: CodecOptions
  #characterSets: CharacterSets | null = null

  constructor({ questions, chunks, zeroDates }: SurroundingsOptions) {
    this.#questions = questions
    this.#chunks = chunks
    this.#codec = { zeroDates }
  }

  server(): Promise<ServerTraits> {
    return this.#questions.run(async (connection) => {
      const [row] = await connection.query('select @@lower_case_table_names as folding')
      return { flavour: connection.server.flavour, foldsCase: row?.folding !== '0' }
    })
  }

  /** In the order in which they are to be read. */
  async readingOrder(tables: readonly FollowedTable[]): Promise<FollowedTable[]> {
    const estimated: { table: FollowedTable; estimatedRows: number }[] = []
    for (const table of tables) {
      const estimatedRows = await this.#questions.run((connection) =>
        estimateRows(connection, table.captured.name),
      )
      estimated.push({ table, estimatedRows })
    }
    return smallestFirst(estimated).map(({ table }) => table)
  }

  /**
   * The table as it is now. Throws an `OperatorError` that says why it cannot be captured, a `TransientError`
   * (`table-locked`) when somebody else has kept it locked for longer than the attempts of the reader last; whoever
   * listens is told as soon as that begins.
   */
  describe(captured: CapturedTable, onLock: OnLock = () => undefined): Promise<Shape> {
    return this.#questions.run((connection) => this.#describe(connection, captured, onLock))
  }

  /**
   * The table, and a place of the log that is not before what was described; otherwise as `describe`. A lock, and a
   * transaction that does not end (`gtid-held`), are waited for once: whoever reads tables may take another one first. The
   * log does not wait behind it.
   */
  async describeBehind(captured: CapturedTable, onLock: OnLock): Promise<Described> {
    const outcome = await this.#chunks.run(async (connection) => {
      try {
        const shape = await this.#describe(connection, captured, (why) => {
          // A lock that is gone is told below: a transaction may still hold the number.
          if (why !== null) onLock(why)
        })
        const high = logPlace(await readHigh(connection))
        onLock(null)
        return { shape, high }
      } catch (error) {
        if (isGtidHeld(error)) onLock(error.message)
        else if (error instanceof OperatorError) onLock(null)
        // Thrown from here it would be tried again, on another connection.
        if (isTableLocked(error)) return error
        throw error
      }
    })
    if (isTableLocked(outcome)) throw outcome
    return outcome
  }

  async #describe(connection: Connection, captured: CapturedTable, onLock: OnLock): Promise<Shape> {
    const { flavour } = connection.server
    try {
      await waitForStatement(connection, captured.name)
      onLock(null)
    } catch (error) {
      if (isTableLocked(error)) onLock(error.message)
      throw error
    }
    const described = await describeTable(connection, captured.name)
    const defects = described.kind === null ? [] : shapeDefects(described, captured, flavour)
    const [defect] = [...defects, ...(await cascadeDefects(connection, [captured]))]
    const shape =
      defect === undefined && described.kind !== null
        ? shapeOf(described, { captured, flavour, ...this.#codec })
        : null
    if (shape === null) throw unusable(captured, defect)
    if (this.#characterSets !== null) await loadFor(shape, this.#characterSets, connection)
    return shape
  }

  async describeOrNull(captured: CapturedTable): Promise<Shape | null> {
    try {
      return await this.describe(captured)
    } catch (error) {
      if (error instanceof OperatorError) return null
      throw error
    }
  }

  /** Null when it cannot be told. */
  async decode(text: EncodedText): Promise<string | null> {
    const sets = this.#characterSets
    return sets && this.#questions.run((connection) => sets.decode(connection, text))
  }

  /** The decoders of the tables' text; those of later shapes are added to the same object. */
  async characterSetsOf(connection: Connection, tables: readonly FollowedTable[]): Promise<CharacterSets> {
    const sets = await CharacterSets.read(connection)
    for (const { shape } of tables) if (shape !== null) await loadFor(shape, sets, connection)
    this.#characterSets = sets
    return sets
  }
}

async function loadFor({ described }: Shape, sets: CharacterSets, connection: Connection): Promise<void> {
  for (const { characterSet } of described.columns) {
    if (characterSet !== null) await sets.load(connection, characterSet)
  }
}
