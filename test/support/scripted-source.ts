import type { Change } from '../../src/changes/change.ts'
import type { ChangeBatch, Rejected } from '../../src/changes/change-batch.ts'
import type { PositionFormat } from '../../src/changes/position.ts'
import type { Source } from '../../src/changes/source.ts'

interface Count {
  readonly count: number
  serialize(): string
}

const countFormat: PositionFormat<Count> = {
  parse: (text) => ({ count: Number(text), serialize: () => text }),
  compare: (a, b) => (a.count === b.count ? 'equal' : a.count < b.count ? 'before' : 'after'),
}

export interface Step {
  readonly changes: readonly Change[]
  readonly rejected?: readonly Rejected[]
}

/** The batches of a script, positions counting them: what a source would deliver, without a source. */
export function scriptedBatches(steps: readonly Step[], first = 0): ChangeBatch[] {
  return steps.map(({ changes, rejected = [] }, index) => ({
    before: first + index === 0 ? null : String(first + index),
    after: String(first + index + 1),
    changes,
    rejected,
    ledger: [],
    committedAt: null,
  }))
}

/** A source that plays a script. It stands in for real ones only where the commit itself is under test. */
export function scriptedSource(name: string, streams: readonly string[], steps: readonly Step[]): Source {
  return {
    name,
    streams,
    position: countFormat,
    open: async function* ({ after }) {
      yield* scriptedBatches(steps).slice(after === null ? 0 : Number(after))
      await Promise.resolve()
    },
    progress: () => [],
    preflight: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  }
}
