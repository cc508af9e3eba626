import { StoppingError } from '../runtime/errors.ts'

/** What is asked of a source while it follows: by its schedule and by commands. */
export class Agenda {
  #sweepDue = true
  #resyncAsked = false
  /** Until it is begun. */
  #resyncWanted = false
  /** The epoch that the last resync began. */
  #begunEpoch = 0
  #auditAsked = false
  #wake: () => void = () => undefined
  #swept: (() => void)[] = []

  /** Asks for a sweep; resolves when it has ended. */
  sweep(): Promise<void> {
    this.#sweepDue = true
    this.#wake()
    return new Promise((resolve) => this.#swept.push(resolve))
  }

  resync(): void {
    this.#resyncAsked = this.#resyncWanted = true
    this.#wake()
  }

  get wantsResync(): boolean {
    return this.#resyncWanted
  }

  resyncBegun(epoch: number): void {
    this.#resyncWanted = false
    this.#begunEpoch = epoch
  }

  /** The source is opened, its ledger at this epoch: a later resync was begun and failed before anything of it was committed. */
  opened(epoch: number): void {
    if (this.#resyncWanted || this.#begunEpoch > epoch) this.resync()
    this.#begunEpoch = epoch
  }

  audit(): void {
    this.#auditAsked = true
    this.#wake()
  }

  takeAudit(): boolean {
    const asked = this.#auditAsked
    this.#auditAsked = false
    return asked
  }

  takeResync(): boolean {
    const asked = this.#resyncAsked
    this.#resyncAsked = false
    return asked
  }

  takeSweep(): boolean {
    const due = this.#sweepDue
    this.#sweepDue = false
    return due
  }

  /** All sweeps that were asked for have ended, or never will. */
  done(): void {
    for (const resolve of this.#swept.splice(0)) resolve()
  }

  /** Waits until something is asked, or for so long. */
  async wait(sleep: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.#sweepDue || this.#resyncAsked || this.#auditAsked) return
    const woken = new AbortController()
    this.#wake = () => {
      woken.abort()
    }
    await sleep(AbortSignal.any([signal, woken.signal])).catch(() => undefined)
    this.#wake = () => undefined
    if (signal.aborted) throw new StoppingError()
  }
}
