import { covers } from '../changes/position.ts'
import type { ChangeBatch } from '../changes/change-batch.ts'
import type { AuditPace, Source } from '../changes/source.ts'
import type { Clock } from '../runtime/clock.ts'
import { OperatorError } from '../runtime/errors.ts'

/** `resync`: to be written anew. `audit`: to be compared with its mirror. */
export type WholePurpose = 'resync' | 'audit'

/** How often those who wait look whether the stream can still be read. */
const lookMs = 1_000

export interface WholeQuestion {
  readonly purpose: WholePurpose
  readonly stream: string
  readonly pace?: AuditPace | undefined
  readonly signal: AbortSignal
  /** Why the stream cannot be read until somebody acts; null if it can. */
  readonly obstacle: () => OperatorError | null
}

interface Asked extends Pick<WholeQuestion, 'purpose' | 'stream' | 'pace'> {
  /** The serialised position at which a reading has begun since the question; null: none has. */
  begunAt: string | null
  readonly resolve: () => void
  readonly reject: (error: OperatorError) => void
}

/**
 * Whoever waits until one source has read a stream as a whole. A question is answered by no reading that began before
 * it: what such a one has read already may not be so any more. Since batches are read ahead, a reading is known by the
 * position at which it began, and answers with the first end that is committed behind that.
 */
export class WholeReadings {
  readonly #source: Source
  readonly #clock: Clock
  #asked: readonly Asked[] = []

  constructor(source: Source, clock: Clock) {
    this.#source = source
    this.#clock = clock
  }

  /**
   * Resolves when the end of the reading is committed. Throws an `OperatorError` when the source cannot read like that,
   * when the stream cannot be read until somebody acts, and when so much is gone that nothing is deleted; the signal's
   * reason when it aborts.
   */
  async read(question: WholeQuestion): Promise<void> {
    const { purpose, stream, pace, signal } = question
    const answered = new AbortController()
    let asked: Asked | null = null
    const answer = new Promise<void>((resolve, reject) => {
      asked = { purpose, stream, pace, begunAt: null, resolve, reject }
      this.#asked = [...this.#asked, asked]
    })
    try {
      this.#begin(purpose)(stream, pace)
      await Promise.race([answer, this.#untilObstacle(question, AbortSignal.any([signal, answered.signal]))])
    } finally {
      answered.abort()
      this.#asked = this.#asked.filter((one) => one !== asked)
    }
  }

  isAsked(purpose: WholePurpose, stream: string): boolean {
    return this.#asked.some((asked) => asked.purpose === purpose && asked.stream === stream)
  }

  /** To be called before the source is opened anew: what it read and did not commit it may have taken for done. */
  reopen(): void {
    for (const asked of this.#asked) {
      asked.begunAt = null
      this.#begin(asked.purpose)(asked.stream, asked.pace)
    }
  }

  /** A batch was read. */
  noteRead({ after, changes, audit }: ChangeBatch): void {
    for (const change of changes)
      if (change.kind === 'resync-begin') this.#begun('resync', change.stream, after)
    if (audit?.first) this.#begun('audit', audit.stream, after)
  }

  /** The end of a reading is committed at `position`; `refusal`: why what it has not seen was not deleted. */
  noteEnd(
    purpose: WholePurpose,
    stream: string,
    { position, refusal }: { position: string; refusal: OperatorError | null },
  ): void {
    const { position: format } = this.#source
    for (const asked of this.#asked) {
      if (asked.purpose !== purpose || asked.stream !== stream || asked.begunAt === null) continue
      if (!covers(format, format.parse(position), format.parse(asked.begunAt))) continue
      if (refusal === null) asked.resolve()
      else asked.reject(refusal)
    }
  }

  #begun(purpose: WholePurpose, stream: string, position: string): void {
    for (const asked of this.#asked) {
      if (asked.purpose === purpose && asked.stream === stream) asked.begunAt ??= position
    }
  }

  #begin(purpose: WholePurpose): (stream: string, pace?: AuditPace) => void {
    const source = this.#source
    const begin = source[purpose]?.bind(source)
    if (begin) return begin
    throw new OperatorError({
      area: 'usage',
      code: `no-${purpose}`,
      message: `the source ${source.name} cannot read a stream as a whole while it follows`,
      hint: 'its own schedule does: see `syncline status`',
    })
  }

  async #untilObstacle({ obstacle }: WholeQuestion, signal: AbortSignal): Promise<never> {
    for (;;) {
      const found = obstacle()
      if (found !== null) throw found
      await this.#clock.sleep(lookMs, signal)
    }
  }
}
