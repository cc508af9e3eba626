/** Wakes the one who waits for any of several things, without a promise for each of them. */
export class Bell {
  #rung = false
  #wake: (() => void) | null = null

  readonly ring = (): void => {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves at the next ring, at once if it has rung since the last time, and after `atMostMs` anyway. */
  async rung(atMostMs: number): Promise<void> {
    if (!this.#rung) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = setTimeout(resolve, atMostMs)
      })
      clearTimeout(timer)
      this.#wake = null
    }
    this.#rung = false
  }
}
