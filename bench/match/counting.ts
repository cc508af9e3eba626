import { loadConfig } from '../../src/config/load.ts'
import type { Source } from '../../src/changes/source.ts'
import { becomeLeader } from '../../src/daemon/leader.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { Releasers } from '../../src/runtime/releasers.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import type { Systems } from '../tail/systems.ts'
import { changeOf, type People } from './people.ts'

const batches = 5
/** About what gathers while a commit is under way when a source is behind. */
const changesPerBatch = 5_000

/** Stands in for a source: here only what its commits do is counted, not how long they take. */
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

/**
 * What a commit takes, counted in this process over the warehouse that the daemon has left: candidate pairs that are
 * evaluated for a change, and statements for a full batch. The warehouse is not as its source any more afterwards.
 */
export async function countWork(
  { configFile, environment }: Systems,
  people: People,
): Promise<{ candidatesPerChange: number; statementsPerBatch: number }> {
  const releasers = new Releasers()
  try {
    const config = loadConfig(configFile, environment)
    const { writer, state } = await becomeLeader(config, {
      ...{ asOf: '2017-02-02', log: silentLogger, clock: systemClock, releasers },
      signal: new AbortController().signal,
    })
    const { session } = writer
    let statements = 0
    const counting =
      <A extends unknown[], R>(send: (...statement: A) => Promise<R>) =>
      (...statement: A): Promise<R> => {
        statements++
        return send(...statement)
      }
    session.query = counting(session.query.bind(session))
    session.execute = counting(session.execute.bind(session))
    session.copy = counting(session.copy.bind(session))
    for (let n = 0; n < batches; n++) {
      const changes = Array.from({ length: changesPerBatch }, () => changeOf(people.change()))
      const [before, after] = [n === 0 ? null : String(n), String(n + 1)]
      const batch = { before, after, changes, rejected: [], ledger: [], committedAt: Date.now() }
      await commitBatch(session, source, batch, state)
    }
    const found = state.matches.reduce((sum, { keys }) => sum + keys.l.found + keys.r.found, 0)
    return {
      candidatesPerChange: found / (batches * changesPerBatch),
      statementsPerBatch: statements / batches,
    }
  } finally {
    await releasers.release()
  }
}
