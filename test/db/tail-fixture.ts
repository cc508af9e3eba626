import { afterEach, expect } from 'vitest'
import type { Row } from '../../src/changes/change.ts'
import type { ChangeBatch, ChangePiece } from '../../src/changes/change-batch.ts'
import type { Source } from '../../src/changes/source.ts'
import { Connection } from '../../src/cdc/connection.ts'
import { readHigh } from '../../src/cdc/log.ts'
import { compareLogPositions, type LogPosition } from '../../src/cdc/log-position.ts'
import { mysqlPositionFormat } from '../../src/cdc/position.ts'
import type { MysqlSourceOptions } from '../../src/cdc/source.ts'
import { StoppingError } from '../../src/runtime/errors.ts'
import { Mirror } from '../support/mirror.ts'
import { Mirror as SnapshotMirror, mysqlSource, type TestSchema } from './cdc-fixture.ts'

/** A source that follows its log into a mirror in memory, until it is told to stop. */
export class Follower {
  readonly mirror: Mirror
  readonly source: Source
  readonly batches: ChangeBatch[] = []
  readonly done: Promise<void>
  readonly #stop = new AbortController()
  readonly #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []
  readonly #anew: boolean
  #failure: unknown = null
  #held: Promise<void> | null = null
  #release: () => void = () => undefined

  constructor(source: Source, mirror = new Mirror(), anew = false) {
    this.#anew = anew
    this.source = source
    this.mirror = mirror
    this.done = this.#run()
    this.done.catch(() => undefined)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    try {
      const { mirror } = this
      for await (const batch of this.source.open({
        after: mirror.position,
        ledger: mirror.ledger(),
        signal,
        anew: this.#anew,
      })) {
        const rest: ChangePiece[] = []
        for await (const piece of batch.rest ?? []) rest.push(piece)
        mirror.applyAll(batch, rest)
        this.batches.push(batch)
        this.#look()
        await this.#held
      }
      throw new Error('the source ended by itself')
    } catch (error) {
      if (signal.aborted && error instanceof StoppingError) return
      this.#failure = error
      throw error
    } finally {
      this.#look()
    }
  }

  /** Takes no batch beyond the next until it is released. */
  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = resolve
    })
  }

  release(): void {
    this.#held = null
    this.#release()
  }

  /** Resolves when the mirror is in a state; rejects with what ended the source before that. */
  async until(holds: () => boolean): Promise<void> {
    // A source that has nothing to deliver tells nothing: its state is looked at.
    const ticker = setInterval(() => {
      this.#look()
    }, 5)
    await new Promise<void>((resolve) => {
      this.#waiting.push({ holds, resolve })
      this.#look()
    })
    clearInterval(ticker)
    if (this.#failure !== null) throw this.#failure as Error
  }

  /** Resolves when everything that was committed up to now is in the mirror, and no table is being read. */
  async caughtUp(schema: TestSchema): Promise<void> {
    const high = await logEnd(schema.url)
    await this.until(() => this.#has(high))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.done.catch(() => undefined)
    await this.source.close()
  }

  #has(high: LogPosition): boolean {
    if (this.mirror.isResyncing() || this.source.status?.().state !== 'streaming') return false
    return isPast(this.mirror.position, high)
  }

  #look(): void {
    for (const waiter of [...this.#waiting]) {
      if (this.#failure === null && !waiter.holds()) continue
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
      waiter.resolve()
    }
  }
}

export interface FollowOptions extends Partial<MysqlSourceOptions> {
  readonly mirror?: Mirror
  /** One that was opened before, instead of a new one. */
  readonly source?: Source
  /** Whether the server is taken as it is now. */
  readonly anew?: boolean
}

export function follow(
  schema: TestSchema,
  tables: readonly string[],
  { mirror, source, anew, ...options }: FollowOptions = {},
): Follower {
  const opened = source ?? mysqlSource(schema, tables, { follow: true, heartbeatMs: 1_000, ...options })
  return new Follower(opened, mirror, anew)
}

export interface Followers {
  readonly follow: typeof follow
  /** Of a table of its own, which is followed up to now. */
  readonly followNew: (
    schema: TestSchema,
    definition: string,
  ) => Promise<{ table: string; follower: Follower }>
}

/** For the tests of a `describe`: whoever follows is stopped when its test ends. */
export function followersPerTest(): Followers {
  const followers: Follower[] = []
  afterEach(async () => {
    await Promise.all(followers.splice(0).map((follower) => follower.stop()))
  })
  const start: typeof follow = (...options) => {
    const follower = follow(...options)
    followers.push(follower)
    return follower
  }
  return {
    follow: start,
    followNew: async (schema, definition) => {
      const table = await newTable(schema, definition)
      const follower = start(schema, [table])
      await follower.caughtUp(schema)
      return { table, follower }
    },
  }
}

let tables = 0

/** Creates a table from what `create table` says behind its name, and returns that. */
export async function newTable(schema: TestSchema, definition: string): Promise<string> {
  const name = `t${tables++}`
  await schema.execute(`create table ${name} ${definition}`)
  return name
}

/** When all is taken in, the mirror has what a snapshot gives. */
export async function expectSame(
  follower: Follower,
  schema: TestSchema,
  ...tables: readonly string[]
): Promise<void> {
  await follower.caughtUp(schema)
  for (const table of tables) {
    const expected = sortedTexts(await snapshotRows(schema, table))
    expect(sortedTexts(follower.mirror.rows(table)), table).toEqual(expected)
  }
}

/** The streams whose reading began, in that order. */
export function readings({ batches }: Follower, from = 0): string[] {
  const changes = batches.slice(from).flatMap((batch) => batch.changes)
  return changes.flatMap(({ kind, stream }) => (kind === 'resync-begin' ? [stream] : []))
}

/** Whether a stored position has all of a place in the log. */
export function isPast(position: string | null, place: unknown): boolean {
  if (position === null) return false
  const order = compareLogPositions(mysqlPositionFormat.parse(position).log, place as LogPosition)
  return order === 'equal' || order === 'after'
}

export async function logEnd(url: string): Promise<LogPosition> {
  const connection = await Connection.open({ url })
  try {
    return (await readHigh(connection)) ?? { kind: 'none' }
  } finally {
    await connection.close()
  }
}

/** What a snapshot of the tables gives now. */
export async function snapshotRows(
  schema: TestSchema,
  table: string,
  options: Partial<MysqlSourceOptions> = {},
): Promise<Row[]> {
  const mirror = new SnapshotMirror()
  await mirror.follow(mysqlSource(schema, [table], options))
  return [...mirror.rows.values()]
}

export function sortedTexts(rows: readonly Row[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).sort()
}
