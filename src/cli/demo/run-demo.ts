import { evaluate, type MatchedPair } from '../../../examples/vendor-match/evaluate.ts'
import { generate, type GeneratedData } from '../../../examples/vendor-match/generate.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { runSnapshot, type SnapshotReport } from '../../daemon/snapshot-run.ts'
import { OperatorError } from '../../runtime/errors.ts'
import { Releasers } from '../../runtime/releasers.ts'
import { Session } from '../../state/session.ts'
import type { DemoOptions, DemoSize } from '../demo-options.ts'
import { keptLines } from '../kept-warehouse.ts'
import { accuracyLines } from './demo-text.ts'
import { startSources, type DemoSources } from './start-sources.ts'
import { startWarehouse, type DemoWarehouse } from './start-warehouse.ts'

const defaultSize: DemoSize = { internal: 20_000, vendor: 3_000 }

/**
 * The example vendor-match on throwaway servers: makes people up, loads them into MySQL and the vendor's API, runs
 * the snapshot into an embedded Postgres and grades the match against the truth. Nothing is left, no process and no
 * folder, also after a failure, a signal or `kill -9`; with `keep` the warehouse stays once it is filled.
 */
export async function runDemo(options: DemoOptions): Promise<SnapshotReport> {
  const { log, signal, onProgress, note, keep } = options
  const releasers = new Releasers()
  try {
    const { data, warehouse, config } = await startDemo(options, releasers)
    const report = await runSnapshot(config, { log, signal, onProgress })
    const matches = await readMatches(warehouse.url)
    for (const line of accuracyLines(evaluate({ matches, truth: data.truth }))) note(line)
    if (keep) {
      warehouse.keep()
      for (const line of keptLines(warehouse.kept)) note(line)
    }
    return report
  } finally {
    await releasers.release()
  }
}

export interface Demo {
  readonly data: GeneratedData
  readonly sources: DemoSources
  readonly warehouse: DemoWarehouse
  readonly config: Config
}

/** Made-up people on throwaway servers, and the configuration that tells where. */
export async function startDemo(options: Omit<DemoOptions, 'keep'>, releasers: Releasers): Promise<Demo> {
  const data = makeData(options)
  const sources = await startSources(data, options, releasers)
  options.signal.throwIfAborted()
  const warehouse = await startWarehouse(options.log, releasers)
  const config = loadConfig(warehouse.configFile, {
    ...sources.environment,
    INTERNAL_USERS: String(data.internalCount),
    WAREHOUSE_URL: warehouse.url,
  })
  return { data, sources, warehouse, config }
}

function makeData({ size = defaultSize, dirty }: Pick<DemoOptions, 'size' | 'dirty'>): GeneratedData {
  try {
    return generate({ ...size, dirty })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new OperatorError({
      area: 'usage',
      code: 'demo-size',
      message: `no data of this size: ${error.message}`,
      hint: 'choose another --size, for instance 20000x3000',
      cause: error,
    })
  }
}

async function readMatches(url: string): Promise<MatchedPair[]> {
  const session = await Session.connect({ url, applicationName: 'syncline demo' })
  try {
    const rows = await session.query('select internal_id, vendor_id from warehouse.user_match')
    return rows.map(([internalId, vendorId]) => ({
      internalId: Number(internalId),
      vendorId: Number(vendorId),
    }))
  } finally {
    await session.close()
  }
}
