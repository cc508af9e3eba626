/**
 * How far a source has been read. Positions are immutable values, partially ordered: two GTID sets may each
 * hold what the other lacks.
 */
export type PositionOrder = 'equal' | 'before' | 'after' | 'concurrent'

export interface Position {
  /** The stored format; a test pins it. `parse(serialize())` is the same position. */
  serialize(): string
}

/** One per kind of source. `parse` throws an `OperatorError` (`position-unreadable`) on text that is not a position. */
export interface PositionFormat<P extends Position = Position> {
  parse(text: string): P
  /** How `a` stands to `b`: `before` means that `b` has everything that `a` has and more. */
  compare(a: P, b: P): PositionOrder
}

/** As people are shown it: where an API goes on may be an address that holds keys. Also of text that is none. */
export function shownPosition(text: string): string {
  return text.replace(/"next":"(?:[^"\\]|\\.)*"?/, '"next":"…"')
}

/** Whether everything up to `other` is contained in `position`. */
export function covers<P extends Position>(format: PositionFormat<P>, position: P, other: P): boolean {
  const order = format.compare(position, other)
  return order === 'equal' || order === 'after'
}
