const againMs = 3_600_000

/** What comes again and again is told once an hour for each code, whatever else each time says. */
export class ToldCodes {
  readonly #toldAtMs = new Map<string, number>()

  /** Whether to tell it now. Codes are few. */
  isNews(code: string, now: number): boolean {
    if (now - (this.#toldAtMs.get(code) ?? -Infinity) < againMs) return false
    this.#toldAtMs.set(code, now)
    return true
  }

  forget(): void {
    this.#toldAtMs.clear()
  }
}
