import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import type { Change } from '../../src/changes/change.ts'
import type { Source } from '../../src/changes/source.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { packageFile } from '../../src/runtime/package-file.ts'
import { openEmbeddedPostgres } from '../../src/state/embedded-postgres/open.ts'
import { acquireLease, termSessionName } from '../../src/state/lease.ts'
import { ensureSchema, migrate } from '../../src/state/migrate.ts'
import { Session } from '../../src/state/session.ts'
import { ensureAsOfTable, setAsOf } from '../../src/warehouse/clock.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { ensureLiveMatches } from '../../src/warehouse/live-matches.ts'
import { Statistics } from '../../src/warehouse/statistics.ts'
import { WarehouseState } from '../../src/warehouse/warehouse-state.ts'
import { matchPlans, storedPlan } from '../../src/wiring.ts'

/** Stands in for a source: the bench measures the commit, positions count its batches. */
const source: Source = {
  name: 'bench',
  streams: [],
  position: {
    parse: (text) => ({ serialize: () => text, count: Number(text) }),
    compare: (a, b) => {
      const [first, second] = [Number(a.serialize()), Number(b.serialize())]
      return first === second ? 'equal' : first < second ? 'before' : 'after'
    },
  },
  open: () => {
    throw new Error('nobody reads it')
  },
  progress: () => [],
  preflight: () => Promise.resolve([]),
  close: () => Promise.resolve(),
}

/** A warehouse of its own with the match of the example, on the embedded Postgres with its default durability. */
export class BenchWarehouse {
  readonly session: Session
  readonly state: WarehouseState
  /** Statements sent so far. */
  roundTrips = 0
  readonly #statistics = new Statistics()
  #position = 0
  readonly #close: () => Promise<void>

  private constructor(session: Session, state: WarehouseState, close: () => Promise<void>) {
    this.session = session
    this.state = state
    this.#close = close
    const counting =
      <A extends unknown[], R>(send: (...statement: A) => Promise<R>) =>
      (...statement: A): Promise<R> => {
        this.roundTrips++
        return send(...statement)
      }
    session.query = counting(session.query.bind(session))
    session.execute = counting(session.execute.bind(session))
    session.copy = counting(session.copy.bind(session))
  }

  static async open(internalUsers: number): Promise<BenchWarehouse> {
    const directory = await mkdtemp(join(tmpdir(), 'syncline-bench-'))
    const server = await openEmbeddedPostgres({ directory })
    const config = loadConfig(packageFile('examples', 'vendor-match', 'syncline.yaml'), {
      INTERNAL_MYSQL_URL: 'mysql://bench@127.0.0.1/bench',
      VENDOR_API_URL: 'http://127.0.0.1/users',
      INTERNAL_USERS: String(Math.max(2, internalUsers)),
    })
    const admin = await Session.connect({ url: server.url, applicationName: 'bench' })
    await migrate(admin)
    await ensureSchema(admin, 'warehouse')
    await ensureAsOfTable(admin, 'warehouse')
    await setAsOf(admin, 'warehouse', '2017-02-02')
    const { signal } = new AbortController()
    const term = await acquireLease(admin, {
      ...{ holder: 'bench', expiryMs: 3_600_000, waitMs: 0, clock: systemClock, signal },
    })
    await admin.close()
    const session = await Session.connect({ url: server.url, applicationName: termSessionName(term) })
    const ensured = await session.transaction(() =>
      ensureLiveMatches(session, { plans: matchPlans(config), mirrors: new Map(), restore: storedPlan }),
    )
    const state = new WarehouseState({
      ...ensured,
      ...{ schema: 'warehouse', term, views: [] },
      ...{ descriptions: new Map(), mirrors: new Map(), resyncs: new Map(), openLetters: new Set() },
    })
    return new BenchWarehouse(session, state, async () => {
      await session.close()
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    })
  }

  async commit(changes: readonly Change[]): Promise<void> {
    const before = this.#position === 0 ? null : String(this.#position)
    const after = String(++this.#position)
    const batch = { before, after, changes, rejected: [], ledger: [], committedAt: Date.now() }
    await commitBatch(this.session, source, batch, this.state)
    await this.#statistics.note(this.session, changes.length, this.state)
  }

  /** Candidate pairs evaluated so far. */
  get candidates(): number {
    return this.state.matches.reduce((sum, { keys }) => sum + keys.l.found + keys.r.found, 0)
  }

  async close(): Promise<void> {
    await this.#close()
  }
}
