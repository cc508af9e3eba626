/** How long back the rate looks: long enough to be calm, short enough to tell of a stall. */
const windowMs = 10_000

interface Sample {
  readonly atMs: number
  readonly done: number
}

/** Speed over the last seconds, from counts that only grow. */
export class Rate {
  #samples: Sample[] = []

  add(sample: Sample): void {
    const oldest = this.#samples.findIndex(({ atMs }) => atMs >= sample.atMs - windowMs)
    // The one just outside stays, so that the window is never shorter than it says.
    this.#samples = [
      ...this.#samples.slice(Math.max((oldest < 0 ? this.#samples.length : oldest) - 1, 0)),
      sample,
    ]
  }

  /** Null until two moments are known. */
  perSecond(): number | null {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (!first || !last || last.atMs === first.atMs) return null
    return Math.max(0, ((last.done - first.done) * 1000) / (last.atMs - first.atMs))
  }
}
