import { startMysql } from '../../scripts/servers/start-mysql.mjs'
import type { ChangeBatch, Rejected } from '../../src/changes/change-batch.ts'
import type { Row } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'
import type { Ledger } from '../../src/changes/ledger.ts'
import type { Source } from '../../src/changes/source.ts'
import { createMysqlSource, type MysqlSourceOptions } from '../../src/cdc/source.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { Mirror as FoldedMirror } from '../support/mirror.ts'
import { mysqlServers, testSchema as schemaOn, type MysqlFlavour, type TestSchema } from '../support/mysql.ts'

/** Titled by flavour: their urls hold passwords. */
export { mysqlServers, type TestSchema }

/** A database of its own on a server, and a session that may write. */
export function testSchema(serverUrl: string): Promise<TestSchema> {
  const server = mysqlServers.find(({ url }) => url === serverUrl)
  if (server === undefined) throw new Error('no such server')
  return schemaOn(server)
}

/**
 * A database on a server that no other file uses: who logs statements has the tables of everybody read again. Dropping it
 * stops the server.
 */
export async function schemaApart(flavour: MysqlFlavour): Promise<TestSchema> {
  const server = await startMysql({ flavour })
  const schema = await schemaOn({ flavour, url: server.url })
  return {
    ...schema,
    drop: async () => {
      await schema.drop()
      await server.stop()
    },
  }
}

/** A consumer that commits every batch in memory and keeps it. */
export class Mirror {
  readonly batches: ChangeBatch[] = []
  readonly #folded = new FoldedMirror()

  /** Commits at most so many batches, as if the process ended then. */
  async follow(source: Source, atMost = Infinity, signal = new AbortController().signal): Promise<void> {
    let count = 0
    for await (const batch of source.open({ after: this.position, ledger: this.ledger, signal })) {
      if (count++ >= atMost) return
      if (!this.#folded.apply(batch)) throw new Error(`a batch does not follow on ${String(this.position)}`)
      this.batches.push(batch)
    }
  }

  get position(): string | null {
    return this.#folded.position
  }

  get ledger(): Ledger {
    return this.#folded.ledger()
  }

  get rejected(): readonly Rejected[] {
    return this.#folded.rejected
  }

  /** By stream and key, in the order in which they came. */
  get rows(): ReadonlyMap<string, Row> {
    const entries = this.#folded
      .streams()
      .flatMap((stream) =>
        this.#folded.entries(stream).map(([key, row]) => [`${stream} ${key}`, row] as const),
      )
    return new Map(entries)
  }

  /** By stream. */
  get columns(): ReadonlyMap<string, readonly Column[]> {
    return new Map(this.#folded.streams().map((stream) => [stream, this.#folded.columns(stream)]))
  }

  keys(): string[] {
    return [...this.rows.keys()]
  }
}

export function mysqlSource(
  schema: TestSchema,
  tables: readonly string[],
  options: Partial<MysqlSourceOptions> = {},
): Source {
  return createMysqlSource({
    name: 'internal',
    url: schema.url,
    tables: tables.map((table) => ({ table, stream: table })),
    chunkRows: 5_000,
    chunkBytes: 4 * 2 ** 20,
    log: silentLogger,
    clock: systemClock,
    ...options,
  })
}
