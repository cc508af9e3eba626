/**
 * About how long a commit of the queue may take, in milliseconds. A change that comes just after its source's batch was
 * taken waits for that commit, for one of the queue, and for its own, which has all that came meanwhile: so what one of
 * the queue takes counts more than once, and is the only one of the three that can be chosen.
 */
const targetMs = 30

/** Where a commit alone takes as long as that the queue must still come to an end. */
const fewestRecords = 40
const mostRecords = 1_000

/**
 * How many queued records are re-matched in one commit: as many as take about `targetMs`, whatever a record costs here
 * and now. Falls at once when a commit takes longer and grows slowly, so that one that waited for the disk costs
 * throughput for a while and a run of expensive records never adds up.
 */
export class DrainPace {
  #records = 200

  get records(): number {
    return Math.round(this.#records)
  }

  /** Told after each commit how many records it took, of those allowed, and how long. */
  note(taken: number, ms: number): void {
    const share = targetMs / Math.max(1, ms)
    // Few records in a short time tell nothing.
    if (share > 1 && taken < this.records) return
    this.#records *= Math.min(1.25, Math.max(0.25, share))
    this.#records = Math.min(mostRecords, Math.max(fewestRecords, this.#records))
  }
}
