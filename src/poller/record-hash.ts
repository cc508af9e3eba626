import { absorb, mix, startLanes, type Lanes } from '../runtime/cyrb53.ts'

/** No UTF-16 units: no text can pretend to be two, or none. */
const endOfText = 0x10000
const endOfNull = 0x10001

/**
 * 64 bits over texts, written to `out`. Tells whether a record changed since it was last taken in; no defence
 * against somebody who makes collisions on purpose.
 */
export function hashTexts(texts: readonly (string | null)[], seed: Lanes, out: Uint32Array): void {
  const lanes = { ...seed }
  for (const text of texts) absorb(lanes, text ?? '', text === null ? endOfNull : endOfText)
  mix(lanes)
  out[0] = lanes.lane1 >>> 0
  // 0,0 means "unknown".
  out[1] = lanes.lane2 >>> 0 || 1
}

export const plainSeed = startLanes

/** Hashes made with another text never agree, so that a changed declaration changes all records. */
export function seedOf(text: string): Lanes {
  const out = new Uint32Array(2)
  hashTexts([text], plainSeed, out)
  return { lane1: out[0] ?? 0, lane2: out[1] ?? 0 }
}
