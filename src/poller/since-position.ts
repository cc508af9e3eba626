import type { Position, PositionFormat, PositionOrder } from '../changes/position.ts'
import { positionUnreadable } from './position.ts'

/**
 * How far an API has been read that lists what changed since a time: all that changed before `since` is taken in, and of
 * what changed later so many pages in this round. `since` is as the API writes times; null: nothing is taken in yet.
 */
export class SincePosition implements Position {
  readonly round: number
  readonly page: number
  readonly since: string | null

  constructor({ round, page, since }: { round: number; page: number; since: string | null }) {
    this.round = round
    this.page = page
    this.since = since
  }

  serialize(): string {
    return JSON.stringify({ round: this.round, page: this.page, since: this.since })
  }
}

export const sincePositionFormat: PositionFormat<SincePosition> = {
  parse(text) {
    const parts = /^\{"round":([1-9]\d{0,14}),"page":(\d{1,15}),"since":(null|".*")\}$/.exec(text)
    if (parts === null) throw positionUnreadable(text)
    const [, round, page, since = 'null'] = parts
    try {
      return new SincePosition({
        round: Number(round),
        page: Number(page),
        since: JSON.parse(since) as string | null,
      })
    } catch {
      throw positionUnreadable(text)
    }
  },

  compare(a, b): PositionOrder {
    const order = a.round - b.round || a.page - b.page
    return order === 0 ? 'equal' : order < 0 ? 'before' : 'after'
  },
}
