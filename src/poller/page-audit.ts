import type { Audit } from '../changes/change-batch.ts'
import type { SweepLine } from './page-line.ts'
import type { PageContent } from './page-schema.ts'

/**
 * The comparisons of the mirror with the API that are asked for. Each sweep begins one anew, all its records travelling
 * beside what changed; the first sweep that can be trusted ends it. What a moving order shows twice or not at all is
 * forgotten with its sweep.
 */
export class PageAudits {
  #asked = 0

  get areAsked(): boolean {
    return this.#asked > 0
  }

  ask(): void {
    this.#asked++
  }

  /** Of a sweep that reads all pages from here on; null when nobody asked. */
  begin(stream: string): PageAudit | null {
    const answered = this.#asked
    if (answered === 0) return null
    return new PageAudit(stream, () => {
      this.#asked -= answered
    })
  }
}

export class PageAudit {
  readonly #stream: string
  readonly #onEnd: () => void
  #isFirst = true

  constructor(stream: string, onEnd: () => void) {
    this.#stream = stream
    this.#onEnd = onEnd
  }

  page({ records }: PageContent): Audit {
    // Of several with one id the last one counts, as for the mirror.
    const rows = new Map(
      records.flatMap(({ id, key, row }) =>
        id === null || key === null || row === null ? [] : [[id, { key, row }]],
      ),
    )
    return this.#part([...rows.values()], false)
  }

  /**
   * Null when another sweep has to begin it anew. A record that waits for its deletion to be confirmed is no difference,
   * unless no sweep can ever confirm it.
   */
  end({ stable, agreeing, pending }: SweepLine, confirmSweeps: number): Audit | null {
    const isSettled = pending === 0 || agreeing === 0 || agreeing >= confirmSweeps
    if (!stable || !isSettled) return null
    this.#onEnd()
    return this.#part([], true)
  }

  #part(rows: Audit['rows'], last: boolean): Audit {
    const first = this.#isFirst
    this.#isFirst = false
    return { stream: this.#stream, first, rows, last }
  }
}
