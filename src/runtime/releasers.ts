/**
 * What was acquired, to be released in reverse order: acquire, then push its releaser.
 * Releasing twice releases once; one failing releaser does not keep the others from running.
 */
export class Releasers {
  #releasers: (() => Promise<void> | void)[] = []

  push(release: () => Promise<void> | void): void {
    this.#releasers.push(release)
  }

  async release(): Promise<void> {
    const releasers = this.#releasers.reverse()
    this.#releasers = []
    const failures: unknown[] = []
    for (const release of releasers) {
      try {
        await release()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length === 1) throw failures[0]
    if (failures.length > 1) throw new AggregateError(failures, 'several resources could not be released')
  }
}
