import { expect, it } from 'vitest'
import type { Source } from '../../../src/changes/source.ts'
import type { CommitTurns } from '../../../src/daemon/commit-turns.ts'
import { FollowedSource } from '../../../src/daemon/followed-source.ts'
import type { Leader } from '../../../src/daemon/leader.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { scriptedBatches, scriptedSource, type Step } from '../../support/scripted-source.ts'

const steps: readonly Step[] = [{ changes: [{ kind: 'upsert', stream: 's', key: ['a'], row: { id: 'a' } }] }]

/** Stands in for one that follows: it has read all with its only batch and waits for more. */
function followingSource(): Source {
  return {
    ...scriptedSource('x', ['s'], steps),
    open: async function* ({ signal }) {
      yield* scriptedBatches(steps)
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true })
      })
    },
    status: () => ({
      ...{ state: 'streaming', loaded: true, heardAt: null, headroomMs: null },
      stopped: new Map(),
    }),
  }
}

class Moment {
  come: () => void = () => undefined
  readonly came = new Promise<void>((resolve) => {
    this.come = resolve
  })
}

it('a source is loaded when what it has read is committed, not when it has read it', async () => {
  const begun = new Moment()
  const written = new Moment()
  const committed = new Moment()
  // Stands in for the warehouse: all that matters of it is when a commit ends.
  const commit = async (): Promise<void> => {
    begun.come()
    await written.came
  }
  const followed = new FollowedSource({
    wired: { source: followingSource() },
    leader: { writer: { reader: { query: () => Promise.resolve([]) } } } as unknown as Leader,
    turns: { commit } as unknown as CommitTurns,
    clock: systemClock,
    log: silentLogger,
    onCommit: () => {
      committed.come()
    },
  })
  const stop = new AbortController()
  const running = followed.run(stop.signal)

  await begun.came
  expect(followed.loaded).toBe(false)
  written.come()
  await committed.came
  expect(followed.loaded).toBe(true)

  stop.abort()
  await running
})
