import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import { runDaemon } from '../../daemon.ts'
import type { SourceReport } from '../../daemon/source-report.ts'
import { Releasers } from '../../runtime/releasers.ts'
import { Session } from '../../state/session.ts'
import type { DemoOptions } from '../demo-options.ts'
import { keptLines } from '../kept-warehouse.ts'
import { startDemo } from './run-demo.ts'
import { runWorkload, type Workload } from './workload.ts'

const changesPerSecond = 100
const showMs = 500

/** What the terminal shows of a demo that goes on. */
export interface LiveState {
  /** Changes made at the sources so far. */
  readonly made: number
  readonly sources: ReadonlyMap<string, SourceReport>
  readonly matched: number
  readonly overlap: number
}

/**
 * The demo that goes on until the signal: both platforms change all the while, and the warehouse follows. Leaves
 * nothing.
 */
export async function runLiveDemo(
  options: Omit<DemoOptions, 'keep'>,
  onState: (state: LiveState) => void,
): Promise<void> {
  const { log, signal, note } = options
  const releasers = new Releasers()
  try {
    const { sources, warehouse, config } = await startDemo(options, releasers)
    const [, psql = ''] = keptLines(warehouse.kept)
    note('Look at the warehouse meanwhile, and end it all with Ctrl-C:')
    note(psql)
    const session = await Session.connect({ url: warehouse.url, applicationName: 'syncline demo' })
    releasers.push(() => session.close())
    const failed = new AbortController()
    const stop = AbortSignal.any([signal, failed.signal])
    const workload: Workload = { changes: 0 }
    let reports: ReadonlyMap<string, SourceReport> = new Map()
    const { INTERNAL_MYSQL_URL: url } = sources.environment
    const runs = [
      runDaemon(sweptOften(config), {
        log,
        signal: stop,
        onState: (state) => {
          if (state.kind === 'leading') reports = state.sources
        },
      }),
      runWorkload(
        { url, simulator: sources.simulator, perSecond: changesPerSecond, random: Math.random, signal: stop },
        workload,
      ),
      show(stop, async () => {
        onState({ made: workload.changes, sources: reports, ...(await countMatches(session)) })
      }),
    ]
    await Promise.all(
      runs.map((run) =>
        run.catch((error: unknown) => {
          failed.abort(error)
        }),
      ),
    )
    failed.signal.throwIfAborted()
  } finally {
    await releasers.release()
  }
}

/** An API tells nobody of its changes: nobody who watches should have to wait for minutes. */
function sweptOften(config: Config): Config {
  const often = { schedule: '*/5 * * * * *' }
  return {
    ...config,
    sources: config.sources.map((source) => (source.type === 'http' ? { ...source, ...often } : source)),
  }
}

async function show(signal: AbortSignal, once: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await once()
    await delay(showMs, undefined, { signal }).catch(() => undefined)
  }
}

async function countMatches(session: Session): Promise<Pick<LiveState, 'matched' | 'overlap'>> {
  const [present] = await session.one(`select to_regclass('warehouse.user_match') is not null`)
  if (present !== 't') return { matched: 0, overlap: 0 }
  const [matched, overlap] = await session.one(
    `select count(*), count(*) filter (where internal_active and vendor_active) from warehouse.user_match`,
  )
  return { matched: Number(matched), overlap: Number(overlap) }
}
