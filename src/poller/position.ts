import { shownPosition, type Position, type PositionFormat, type PositionOrder } from '../changes/position.ts'
import { OperatorError } from '../runtime/errors.ts'

/** The parts of a position; those that are left out are 0 or null. */
interface Parts {
  readonly sweep: number
  readonly page: number
  /** Batches of the bookkeeping after the last page. */
  readonly closing?: number
  /** Pages that were read by themselves since the last sweep ended. */
  readonly probe?: number
  /** Where the next page is, of an API in which only the page before tells. */
  readonly next?: string | null
}

/**
 * How far a paged API has been read: the number of the sweep and how many of its pages were taken in, in page
 * order. `{"sweep":4,"page":0}` is the end of sweep 3, and `{"sweep":4,"page":0,"probe":2}` comes after it, when two
 * pages were read by themselves.
 */
export class PagePosition implements Position {
  readonly sweep: number
  readonly page: number
  readonly closing: number
  readonly probe: number
  readonly next: string | null

  constructor({ sweep, page, closing = 0, probe = 0, next = null }: Parts) {
    this.sweep = sweep
    this.page = page
    this.closing = closing
    this.probe = probe
    this.next = next
  }

  serialize(): string {
    const { sweep, page, closing, probe, next } = this
    return JSON.stringify({
      sweep,
      page,
      ...(closing === 0 ? {} : { closing }),
      ...(probe === 0 ? {} : { probe }),
      ...(next === null ? {} : { next }),
    })
  }
}

export function positionUnreadable(text: string): OperatorError {
  return new OperatorError({
    code: 'position-unreadable',
    area: 'data',
    message: `the stored position of a paged API cannot be read: ${shownPosition(text).slice(0, 100)}`,
    hint: 'Resync the stream; if Syncline was downgraded, go back to the newer version.',
  })
}

export const pagePositionFormat: PositionFormat<PagePosition> = {
  parse(text) {
    const position = new PagePosition(partsOf(text))
    const { sweep, page, closing, probe } = position
    const isRight = [sweep, page, closing, probe].every((part) => Number.isSafeInteger(part) && part >= 0)
    // Whatever is not written as we write it was not written by us.
    if (!isRight || sweep === 0 || position.serialize() !== text) throw positionUnreadable(text)
    return position
  },

  compare(a, b): PositionOrder {
    const order = a.sweep - b.sweep || a.page - b.page || a.closing - b.closing || a.probe - b.probe
    return order === 0 ? 'equal' : order < 0 ? 'before' : 'after'
  },
}

function partsOf(text: string): Parts {
  try {
    const parts: unknown = JSON.parse(text)
    if (typeof parts === 'object' && parts !== null) return parts as Parts
  } catch {
    // Told below.
  }
  throw positionUnreadable(text)
}
