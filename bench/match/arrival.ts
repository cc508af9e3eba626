import { setTimeout as sleep } from 'node:timers/promises'
import { Session } from '../../src/state/session.ts'

/** What has arrived in the warehouse, as one who queries it sees. */
export class Arrival {
  readonly session: Session
  /** Known once the beacon's table is there. */
  #isMirrored = false

  private constructor(session: Session) {
    this.session = session
  }

  static async open(postgresUrl: string): Promise<Arrival> {
    return new Arrival(await Session.connect({ url: postgresUrl, applicationName: 'bench' }))
  }

  /** The last beacon that is visible; 0 before the first. */
  async beacon(): Promise<number> {
    if (!this.#isMirrored) {
      const [there] = await this.session.one(`select to_regclass('warehouse.beacon') is not null`)
      if (there !== 't') return 0
      this.#isMirrored = true
    }
    const [n] = await this.session.one('select coalesce(max(n), 0) from warehouse.beacon')
    return Number(n)
  }

  async untilBeacon(n: number): Promise<void> {
    while ((await this.beacon()) < n) await sleep(10)
  }

  async untilPublished(): Promise<void> {
    for (;;) {
      const [there] = await this.session.one(`select to_regclass('warehouse.user_match') is not null`)
      if (there === 't') return
      await sleep(50)
    }
  }

  async isDrained(): Promise<boolean> {
    const [drained] = await this.session.one(
      'select not exists (select from syncline.match_queue) and not exists (select from syncline.match_fan_out)',
    )
    return drained === 't'
  }

  async untilDrained(): Promise<void> {
    while (!(await this.isDrained())) await sleep(50)
  }

  /** Milliseconds from the commit of each change at the source to its visibility, while `isWriting`, in their order. */
  async delays(firstBeacon: number, times: readonly number[], isWriting: () => boolean): Promise<number[]> {
    const delays: number[] = []
    // Who looks on must not take the time of those who work: the statement is planned once.
    await this.session.keepPlans(true)
    while (isWriting() || delays.length < times.length) {
      const seen = (await this.beacon()) - firstBeacon + 1
      const now = performance.now()
      // Visible before its writer was told of the commit: no delay at all.
      while (delays.length < Math.min(seen, times.length)) {
        delays.push(Math.max(0, now - (times[delays.length] ?? now)))
      }
      await sleep(2)
    }
    await this.session.keepPlans(false)
    return delays
  }
}
