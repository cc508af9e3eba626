import { becomeLeader } from '../../src/daemon/leader.ts'
import { CommitTurns } from '../../src/daemon/commit-turns.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { Releasers } from '../../src/runtime/releasers.ts'
import { ledgerOf } from '../../src/state/ledger.ts'
import { readPosition } from '../../src/state/positions.ts'
import { runSource } from '../../src/warehouse/runner.ts'
import { createSources } from '../../src/wiring.ts'
import type { FollowedApi } from './followed-api.ts'

export interface UnchangedSweeps {
  /** Of each sweep, from before the source is opened until its end is committed. */
  readonly seconds: readonly number[]
  /** Answers and bytes of bodies of the last one. */
  readonly answers: number
  readonly bodyBytes: number
}

/** Sweeps of pages that nobody changes, read and committed as the product does it, here in this process. */
export async function sweepUnchanged(
  { simulator, configFile, environment }: FollowedApi,
  { runs, etags }: { runs: number; etags: boolean },
): Promise<UnchangedSweeps> {
  const config = withoutBudget(loadConfig(configFile, { ...environment }))
  const { signal } = new AbortController()
  const surroundings = { log: silentLogger, clock: systemClock }
  const releasers = new Releasers()
  try {
    const leader = await becomeLeader(config, { ...surroundings, asOf: '2017-02-02', signal, releasers })
    const turns = new CommitTurns(leader)
    const { reader } = leader.writer
    const sweep = async (): Promise<number> => {
      const started = performance.now()
      const [wired] = createSources(config, { ...surroundings, follow: false })
      if (wired === undefined) throw new Error('no source of HTTP is configured')
      const { source } = wired
      await runSource({
        source,
        after: await readPosition(reader, source.name),
        ledger: ledgerOf(reader, source.name),
        ...{ signal, bufferBytes: 2 * 2 ** 20 },
        commit: (batch) => turns.commit(source, batch),
        turn: (work) => turns.take(signal, work),
      })
      await source.close()
      return (performance.now() - started) / 1000
    }
    simulator.etags = etags
    // One to learn what the versions of the pages are called, one more to be warm.
    for (let run = 0; run < 2; run++) await sweep()
    const seconds: number[] = []
    let before = { answers: 0, bodyBytes: 0 }
    for (let run = 0; run < runs; run++) {
      before = { answers: simulator.requests.length, bodyBytes: simulator.bodyBytes }
      seconds.push(await sweep())
    }
    return {
      seconds: seconds.sort((a, b) => a - b),
      answers: simulator.requests.length - before.answers,
      bodyBytes: simulator.bodyBytes - before.bodyBytes,
    }
  } finally {
    await releasers.release()
  }
}

/** The API alone, as fast as it answers. */
function withoutBudget(config: Config): Config {
  const sources = config.sources.flatMap((source) =>
    source.type === 'http' ? [{ ...source, requestsPerMinute: null }] : [],
  )
  return { ...config, sources }
}
