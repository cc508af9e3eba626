import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import type { Source } from '../../../src/changes/source.ts'
import type { CommitTurns } from '../../../src/daemon/commit-turns.ts'
import { FollowedSource } from '../../../src/daemon/followed-source.ts'
import type { Leader } from '../../../src/daemon/leader.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { OperatorError, StoppingError, TransientError } from '../../../src/runtime/errors.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { fakeClock } from '../../support/vendor-source.ts'
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

/** There is nobody else whose turn it could be. */
const take: CommitTurns['take'] = async (_signal, work) => work()

class Moment {
  come: () => void = () => undefined
  readonly came = new Promise<void>((resolve) => {
    this.come = resolve
  })
}

it('a source is loaded when what it has read is committed, and falls behind while it is paused', async () => {
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
    turns: { commit, take } as unknown as CommitTurns,
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

  const later = systemClock.now() + 60_000
  expect(followed.report(later).lagMs).toBeNull()
  followed.pause()
  // As far behind as its last commit is old: nobody knows what has changed since.
  expect(followed.report(later).lagMs).toBeGreaterThan(50_000)

  stop.abort()
  await running
})

it('a source that fails by the same code again and again is told of once, whichever page it is', async () => {
  const lines: string[] = []
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  const enough = new Moment()
  let opened = 0
  const source: Source = {
    ...followingSource(),
    open: () => {
      if (++opened === 5) enough.come()
      throw new TransientError({
        code: opened === 3 ? 'timeout' : 'truncated',
        message: `page ${opened} broke off`,
      })
    },
  }
  const followed = new FollowedSource({
    wired: { source },
    leader: { writer: { reader: { query: () => Promise.resolve([]) } } } as unknown as Leader,
    turns: { take } as unknown as CommitTurns,
    clock: { now: () => systemClock.now(), sleep: () => Promise.resolve() },
    log: pino({ level: 'warn' }, sink),
    onCommit: () => undefined,
  })
  const stop = new AbortController()
  const running = followed.run(stop.signal)
  await enough.came
  stop.abort()
  await running
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'page 1 broke off',
    'page 3 broke off',
  ])
})

it('a source that commits each time on its way to what somebody has to mend is opened ever more seldom, until it gets beyond', async () => {
  const lines: string[] = []
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push((JSON.parse(chunk.toString()) as { msg: string }).msg)
      done()
    },
  })
  const beyond = new Moment()
  const clock = fakeClock()
  const fails = 12
  let opened = 0
  const source: Source = {
    ...followingSource(),
    open: async function* ({ signal }) {
      yield* scriptedBatches(steps)
      if (++opened <= fails) {
        throw new OperatorError({
          ...{ area: 'configuration', code: 'page-not-found', message: 'page 3 is gone', hint: 'Mend it.' },
        })
      }
      await clock.sleep(61_000)
      yield* scriptedBatches(steps)
      beyond.come()
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true })
      })
    },
  }
  const followed = new FollowedSource({
    wired: { source },
    leader: { writer: { reader: { query: () => Promise.resolve([]) } } } as unknown as Leader,
    turns: { commit: () => Promise.resolve(), take } as unknown as CommitTurns,
    clock,
    log: pino({ level: 'info' }, sink),
    onCommit: () => undefined,
  })
  const stop = new AbortController()
  const running = followed.run(stop.signal)
  await beyond.came
  await expect.poll(() => lines).toEqual(['page 3 is gone', 'goes on'])
  // Half a second at most each time, had every commit been a new beginning.
  expect(Math.max(...clock.slept.slice(0, fails))).toBeGreaterThan(1_000)
  stop.abort()
  await running
})

it('a resync that finds too many gone is refused to whoever waits for it, said once, and the source goes on', async () => {
  const refusal = new OperatorError({
    ...{ area: 'data', code: 'mass-disappearance', message: 'so many are gone', hint: 'Mend the API.' },
  })
  const asked = new Moment()
  const settled = new Moment()
  // What comes after something rejected is another commit.
  const letter = { stream: 's', key: ['b'], code: 'wrong-type', reason: 'no', raw: '{}' }
  const end: Step = {
    changes: [{ kind: 'resync-end', stream: 's', maxDeletedShare: 0.2 }],
    rejected: [letter],
  }
  const source: Source = {
    ...followingSource(),
    resync: () => {
      asked.come()
    },
    open: async function* ({ signal }) {
      await asked.came
      // What is judged before the resync begins says nothing of it.
      yield* scriptedBatches([
        end,
        { changes: [{ kind: 'resync-begin', stream: 's' }] },
        ...steps,
        end,
        ...steps,
      ])
      settled.come()
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true })
      })
    },
  }
  const lines: string[] = []
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  let commits = 0
  // Stands in for the warehouse, which refuses the end of the resync each time.
  const commit = (): Promise<void> => {
    commits++
    return Promise.resolve()
  }
  const followed = new FollowedSource({
    wired: { source },
    leader: {
      writer: { reader: { query: () => Promise.resolve([]) } },
      state: { refusal: () => refusal },
    } as unknown as Leader,
    turns: { commit, take } as unknown as CommitTurns,
    clock: systemClock,
    log: pino({ level: 'info' }, sink),
    onCommit: () => undefined,
  })
  const stop = new AbortController()
  const running = followed.run(stop.signal)
  await expect(followed.resync('s', stop.signal)).rejects.toBe(refusal)
  expect(commits).toBeGreaterThanOrEqual(2)
  await settled.came
  expect(followed.report(0)).toMatchObject({
    state: 'streaming',
    stopped: {},
    undeleted: { s: 'so many are gone' },
    failure: null,
  })
  expect(lines.filter((line) => line.includes('so many are gone'))).toHaveLength(1)
  stop.abort()
  await running
})

it('a source that cannot go on from its position is opened again for a resync, and for a comparison is not', async () => {
  const lost = new OperatorError({
    ...{ area: 'data', code: 'server-behind', message: 'it lacks what was read', hint: 'resync' },
    resyncMends: true,
  })
  const failed = new Moment()
  const asked = new Moment()
  const source: Source = {
    ...followingSource(),
    status: () => ({
      ...{ state: 'connecting', loaded: true, heardAt: null, headroomMs: null },
      stopped: new Map(),
    }),
    audit: () => undefined,
    resync: () => {
      asked.come()
    },
    open: async function* ({ anew }) {
      if (anew !== true) await Promise.reject(lost)
      yield* scriptedBatches([
        {
          changes: [
            { kind: 'resync-begin', stream: 's' },
            { kind: 'resync-end', stream: 's' },
          ],
        },
      ])
    },
  }
  const followed = new FollowedSource({
    wired: { source },
    leader: {
      writer: { reader: { query: () => Promise.resolve([]) } },
      state: { refusal: () => null },
    } as unknown as Leader,
    turns: { commit: () => Promise.resolve(), take } as unknown as CommitTurns,
    clock: {
      now: () => 0,
      // Until the resync is asked for it stays as it failed.
      sleep: async () => {
        failed.come()
        await asked.came
        await systemClock.sleep(1)
      },
    },
    log: silentLogger,
    onCommit: () => undefined,
  })
  const stop = new AbortController()
  const running = followed.run(stop.signal)
  await failed.came
  await expect(followed.audit('s', stop.signal)).rejects.toBe(lost)
  await expect(followed.resync('s', stop.signal, { repairs: true })).rejects.toBe(lost)
  await followed.resync('s', stop.signal)
  stop.abort()
  await running
})

it('a resync that was asked for while all was well does not accept another server that comes meanwhile', async () => {
  const lost = new OperatorError({
    ...{ area: 'data', code: 'server-behind', message: 'it lacks what was read', hint: 'resync' },
    resyncMends: true,
  })
  const committed = new Moment()
  const asked = new Moment()
  const accepted: (boolean | undefined)[] = []
  const source: Source = {
    ...followingSource(),
    resync: () => {
      asked.come()
    },
    open: async function* ({ anew }) {
      accepted.push(anew)
      if (accepted.length === 1) yield* scriptedBatches(steps)
      await asked.came
      throw lost
    },
  }
  const followed = new FollowedSource({
    wired: { source },
    leader: {
      writer: { reader: { query: () => Promise.resolve([]) } },
      state: { refusal: () => null },
    } as unknown as Leader,
    turns: { commit: () => Promise.resolve(), take } as unknown as CommitTurns,
    clock: { now: () => 0, sleep: () => systemClock.sleep(1) },
    log: silentLogger,
    onCommit: () => {
      committed.come()
    },
  })
  const stop = new AbortController()
  const running = followed.run(stop.signal)
  await committed.came
  await expect(followed.resync('s', stop.signal)).rejects.toBe(lost)
  stop.abort()
  await running
  expect(accepted).not.toContain(true)
})

it('a source that stops although nobody asked it to is a fault, not an orderly end', async () => {
  const followed = new FollowedSource({
    wired: {
      source: {
        ...followingSource(),
        // eslint-disable-next-line require-yield -- it fails before it has anything
        open: async function* () {
          await Promise.resolve()
          throw new StoppingError('a connection was closed')
        },
      },
    },
    leader: { writer: { reader: { query: () => Promise.resolve([]) } } } as unknown as Leader,
    turns: { take } as unknown as CommitTurns,
    clock: systemClock,
    log: silentLogger,
    onCommit: () => undefined,
  })
  await expect(followed.run(new AbortController().signal)).rejects.toThrow('x ended unasked')
})
