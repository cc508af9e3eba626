import { expect, it } from 'vitest'
import type { Audit, ChangeBatch } from '../../../src/changes/change-batch.ts'
import type { Change } from '../../../src/changes/change.ts'
import type { Source } from '../../../src/changes/source.ts'
import { WholeReadings, type WholePurpose } from '../../../src/daemon/whole-readings.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { OperatorError } from '../../../src/runtime/errors.ts'
import { scriptedSource } from '../../support/scripted-source.ts'

const error = (code: string): OperatorError =>
  new OperatorError({ area: 'data', code, message: code, hint: 'Mend it.' })

/** Batches as a source delivers them, and who waits for its readings. */
class Readings {
  readonly asked: string[] = []
  readonly wholes: WholeReadings
  obstacle: OperatorError | null = null
  readonly #purpose: WholePurpose
  readonly #stop = new AbortController()
  #position = 0

  constructor(purpose: WholePurpose) {
    this.#purpose = purpose
    const note = (stream: string): void => {
      this.asked.push(stream)
    }
    const source: Source = { ...scriptedSource('x', ['s', 't'], []), resync: note, audit: note }
    this.wholes = new WholeReadings(source, systemClock)
  }

  /** What has become of a question: `waiting`, `answered` or the code of the refusal. */
  question(stream = 's'): () => Promise<string> {
    let outcome = 'waiting'
    this.wholes
      .read({ purpose: this.#purpose, stream, signal: this.#stop.signal, obstacle: () => this.obstacle })
      .then(
        () => (outcome = 'answered'),
        (thrown: unknown) => (outcome = thrown instanceof OperatorError ? thrown.code : 'stopped'),
      )
    return async () => {
      await new Promise(setImmediate)
      return outcome
    }
  }

  /** The source reads on and comes to the beginning of a reading. Returns the position. */
  begin(stream = 's'): string {
    return this.#read(stream, true)
  }

  /** It comes to the end of one. */
  end(stream = 's'): string {
    return this.#read(stream, false)
  }

  /** What was read up to an end is committed. */
  commitEnd(position: string, refusal: OperatorError | null = null, stream = 's'): void {
    this.wholes.noteEnd(this.#purpose, stream, { position, refusal })
  }

  stop(): void {
    this.#stop.abort()
  }

  #read(stream: string, isBegin: boolean): string {
    const before = String(this.#position)
    const after = String(++this.#position)
    const changes: Change[] = [{ kind: isBegin ? 'resync-begin' : 'resync-end', stream }]
    const audit: Audit = { stream, first: isBegin, rows: [], last: !isBegin }
    const batch: ChangeBatch = {
      ...{ before, after, rejected: [], ledger: [], committedAt: null },
      ...(this.#purpose === 'audit' ? { changes: [], audit } : { changes }),
    }
    this.wholes.noteRead(batch)
    return after
  }
}

it.each(['resync', 'audit'] as const)(
  'the end of a reading answers who asked before it began: %s',
  async (purpose) => {
    const readings = new Readings(purpose)
    const first = readings.question()
    const second = readings.question()
    const other = readings.question('t')
    expect(readings.asked).toEqual(['s', 's', 't'])
    readings.begin()
    const end = readings.end()
    expect(await first()).toBe('waiting')
    readings.commitEnd(end)
    expect(await first()).toBe('answered')
    expect(await second()).toBe('answered')
    expect(await other()).toBe('waiting')
    readings.stop()
    expect(await other()).toBe('stopped')
  },
)

it.each(['resync', 'audit'] as const)(
  'no reading answers that began before the question: %s',
  async (purpose) => {
    const readings = new Readings(purpose)
    readings.begin()
    const asked = readings.question()
    const early = readings.end()
    // Read ahead: the next reading has begun before the end of the one before is committed.
    readings.begin()
    readings.commitEnd(early)
    expect(await asked()).toBe('waiting')
    readings.commitEnd(readings.end())
    expect(await asked()).toBe('answered')
  },
)

it('a refusal is for who asked before the reading that it judges began', async () => {
  const readings = new Readings('resync')
  readings.begin()
  const asked = readings.question()
  readings.commitEnd(readings.end(), error('early'))
  expect(await asked()).toBe('waiting')
  readings.begin()
  readings.commitEnd(readings.end(), error('so-many-gone'))
  expect(await asked()).toBe('so-many-gone')
})

it('the source is asked again when it is opened again, and what it had read and not committed answers nobody', async () => {
  const readings = new Readings('audit')
  const asked = readings.question()
  readings.begin()
  const lost = readings.end()
  readings.wholes.reopen()
  expect(readings.asked).toEqual(['s', 's'])
  readings.commitEnd(lost)
  expect(await asked()).toBe('waiting')
  readings.begin()
  readings.commitEnd(readings.end())
  expect(await asked()).toBe('answered')
  readings.wholes.reopen()
  expect(readings.asked).toEqual(['s', 's'])
})

it('who waits for a stream that nobody can read any more is told why', async () => {
  const readings = new Readings('audit')
  readings.obstacle = error('stream-stopped')
  expect(await readings.question()()).toBe('stream-stopped')
  readings.obstacle = null
  const { signal } = new AbortController()
  const asked = readings.wholes.read({
    ...{ purpose: 'audit', stream: 's', signal },
    obstacle: () => readings.obstacle,
  })
  readings.obstacle = error('source-paused')
  await expect(asked).rejects.toBe(readings.obstacle)
  expect(readings.wholes.isAsked('audit', 's')).toBe(false)
})
