/** The two 32-bit halves of a hash. */
export interface Lanes {
  readonly lane1: number
  readonly lane2: number
}

/** A hash that is being made. */
export type OpenLanes = { -readonly [half in keyof Lanes]: Lanes[half] }

export const startLanes: Lanes = { lane1: 0xdeadbeef, lane2: 0x41c6ce57 }

/**
 * Takes a text into both halves: two multiplicative hashes with different constants over its UTF-16 units and `end`,
 * which must be no unit of it, so that no two lists of texts look alike. No defence against somebody who makes
 * collisions on purpose. Source: bryc, "cyrb53", public domain.
 */
export function absorb(lanes: OpenLanes, text: string, end: number): void {
  let { lane1, lane2 } = lanes
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    lane1 = Math.imul(lane1 ^ unit, 2654435761)
    lane2 = Math.imul(lane2 ^ unit, 1597334677)
  }
  lanes.lane1 = Math.imul(lane1 ^ end, 2654435761)
  lanes.lane2 = Math.imul(lane2 ^ end, 1597334677)
}

/** Mixes the halves, so that each bit of one depends on all of both: the finish of cyrb53. */
export function mix(lanes: OpenLanes): void {
  const { lane1, lane2 } = lanes
  const a = Math.imul(lane1 ^ (lane1 >>> 16), 2246822507) ^ Math.imul(lane2 ^ (lane2 >>> 13), 3266489909)
  lanes.lane1 = a
  lanes.lane2 = Math.imul(lane2 ^ (lane2 >>> 16), 2246822507) ^ Math.imul(lane1 ^ (lane1 >>> 13), 3266489909)
}
