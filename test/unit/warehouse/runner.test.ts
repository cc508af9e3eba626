import { describe, expect, it } from 'vitest'
import type { ChangeBatch, ChangePiece } from '../../../src/changes/change-batch.ts'
import type { Ledger } from '../../../src/changes/ledger.ts'
import type { Source } from '../../../src/changes/source.ts'
import { runSource } from '../../../src/warehouse/runner.ts'
import { scriptedBatches, scriptedSource, type Step } from '../../support/scripted-source.ts'

const step = (id: string, size = 10): Step => ({
  changes: [{ kind: 'upsert', stream: 's', key: [id], row: { id, value: 'x'.repeat(size) } }],
})
const poison: Step = {
  changes: [],
  rejected: [{ stream: 's', key: ['p'], code: 'poison', reason: 'is poison', raw: 'p' }],
}
const ledger: Ledger = {
  get: () => Promise.resolve(undefined),
  scan: () =>
    (async function* () {
      yield* await Promise.resolve([])
    })(),
}

/** Lets the first commit last until all has been read ahead. */
class Gate {
  open: () => void = () => undefined
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

async function run(
  source: Source,
  commit: (batch: ChangeBatch) => Promise<void>,
  bufferBytes = 1e6,
): Promise<void> {
  await runSource({ source, after: null, ledger, signal: new AbortController().signal, bufferBytes, commit })
}

describe('runSource', () => {
  it('commits every change once, in order, in batches that chain, however they are merged', async () => {
    const steps = Array.from({ length: 50 }, (_, i) => (i % 7 === 3 ? poison : step(String(i))))
    const committed: ChangeBatch[] = []
    await run(scriptedSource('x', ['s'], steps), async (batch) => {
      committed.push(batch)
      await new Promise(setImmediate)
    })
    expect(committed.length).toBeLessThan(50)
    expect(committed.flatMap(({ changes }) => changes)).toEqual(steps.flatMap(({ changes }) => changes))
    expect(committed.flatMap(({ rejected }) => rejected)).toHaveLength(7)
    expect(committed[0]?.before).toBeNull()
    committed.slice(1).forEach((batch, i) => {
      expect(batch.before).toBe(committed[i]?.after)
    })
    expect(committed.at(-1)?.after).toBe('50')
  })

  it('commits with a batch what comes while it waits for its turn', async () => {
    const committed: ChangeBatch[] = []
    const all = new Gate()
    const source: Source = {
      ...scriptedSource('x', ['s'], []),
      open: async function* () {
        yield* scriptedBatches([step('a'), step('b'), step('c')])
        all.open()
        await Promise.resolve()
      },
    }
    await runSource({
      ...{ source, after: null, ledger, signal: new AbortController().signal, bufferBytes: 1e6 },
      commit: (batch) => {
        committed.push(batch)
        return Promise.resolve()
      },
      turn: async (work) => {
        await all.opened
        await work()
      },
    })
    expect(committed.map(({ changes }) => changes.length)).toEqual([3])
  })

  it('knows of batches that are committed as one when the newest change was made, if any of them does', async () => {
    const committed: ChangeBatch[] = []
    const all = new Gate()
    const source: Source = {
      ...scriptedSource('x', ['s'], []),
      open: async function* () {
        for (const [place, batch] of scriptedBatches([
          step('a'),
          step('b'),
          step('c'),
          step('d'),
        ]).entries()) {
          yield { ...batch, committedAt: place === 3 ? null : 1_000 + place }
        }
        all.open()
        await Promise.resolve()
      },
    }
    await run(source, async (batch) => {
      committed.push(batch)
      await all.opened
    })
    expect(committed.map(({ committedAt }) => committedAt)).toEqual([1_000, 1_002])
  })

  it('merges nothing behind rejected records, which come after all changes of a batch', async () => {
    const committed: ChangeBatch[] = []
    const all = new Gate()
    const steps = [step('a'), poison, step('p'), step('q'), poison, step('r')]
    const source: Source = {
      ...scriptedSource('x', ['s'], []),
      open: async function* () {
        yield* scriptedBatches(steps)
        all.open()
        await Promise.resolve()
      },
    }
    await run(source, async (batch) => {
      committed.push(batch)
      await all.opened
    })
    expect(committed.map(({ changes, rejected }) => [changes.length, rejected.length])).toEqual([
      [1, 0],
      [0, 1],
      [2, 1],
      [1, 0],
    ])
  })

  it('gives a commit that is under way what comes meanwhile, once, in order, and nothing but rows', async () => {
    const gone: Step = { changes: [{ kind: 'delete', stream: 's', key: ['a'] }] }
    const steps = [step('a'), step('b'), step('c'), gone, step('d'), poison, step('e'), step('f')]
    const committed: string[][] = []
    await runSource({
      ...{ source: scriptedSource('x', ['s'], steps), after: null, ledger, bufferBytes: 1 },
      signal: new AbortController().signal,
      commit: async (batch, more) => {
        const positions: string[] = []
        for (let next: ChangeBatch | null = batch; next !== null; next = more()) {
          positions.push(next.after)
          await new Promise(setImmediate)
        }
        expect(more()).toBeNull()
        committed.push(positions)
      },
    })
    expect(committed).toEqual([['1', '2', '3'], ['4', '5'], ['6'], ['7', '8']])
  })

  it('reads ahead no more than its buffer while a commit is under way', async () => {
    let read = 0
    const source: Source = {
      ...scriptedSource('x', ['s'], []),
      open: async function* () {
        for (const batch of scriptedBatches(Array.from({ length: 20 }, (_, i) => step(String(i), 1000)))) {
          read++
          yield batch
          await Promise.resolve()
        }
      },
    }
    let most = 0
    let done = 0
    await run(
      source,
      async (batch) => {
        await new Promise(setImmediate)
        most = Math.max(most, read - done)
        done += batch.changes.length
      },
      4_000,
    )
    expect(done).toBe(20)
    expect(most).toBeLessThanOrEqual(8)
  })

  it('commits a transaction that is larger than memory alone, and asks for no more until its rest is read', async () => {
    const events: string[] = []
    const source: Source = {
      ...scriptedSource('x', ['s'], []),
      open: async function* () {
        for (const batch of scriptedBatches([step('1'), step('2'), step('3')])) {
          events.push(`next ${batch.after}`)
          const rest = async function* (): AsyncGenerator<ChangePiece> {
            for (const id of ['a', 'b']) {
              await new Promise(setImmediate)
              events.push(`rest ${id}`)
              yield { changes: step(id).changes, rejected: [] }
            }
          }
          yield batch.after === '2' ? { ...batch, rest: rest() } : batch
          await Promise.resolve()
        }
      },
    }
    const sizes: number[] = []
    await run(source, async (batch) => {
      let size = batch.changes.length
      for await (const { changes } of batch.rest ?? []) size += changes.length
      events.push(`committed ${batch.after}`)
      sizes.push(size)
    })
    expect(sizes).toEqual([1, 3, 1])
    expect(events.indexOf('next 3')).toBeGreaterThan(events.indexOf('committed 2'))
  })

  it('passes on what the source throws, after committing what came before', async () => {
    const source: Source = {
      ...scriptedSource('x', ['s'], []),
      open: async function* () {
        yield* scriptedBatches([step('1')])
        await Promise.resolve()
        throw new Error('the source broke')
      },
    }
    const committed: ChangeBatch[] = []
    await expect(run(source, (batch) => Promise.resolve(void committed.push(batch)))).rejects.toThrow(
      'the source broke',
    )
    expect(committed).toHaveLength(1)
  })

  it('ends the source when a commit fails', async () => {
    let ended = false
    const source: Source = {
      ...scriptedSource('x', ['s'], []),
      open: async function* ({ signal }) {
        try {
          for (const batch of scriptedBatches(Array.from({ length: 1000 }, (_, i) => step(String(i))))) {
            if (signal.aborted) return
            yield batch
            await new Promise(setImmediate)
          }
        } finally {
          ended = true
        }
      },
    }
    await expect(run(source, () => Promise.reject(new Error('no commit')))).rejects.toThrow('no commit')
    expect(ended).toBe(true)
  })
})
