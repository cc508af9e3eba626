import { absorb, startLanes, type Lanes } from '../runtime/cyrb53.ts'

/** Ends the text of a part: a control character, which normalised text never holds. */
const separator = 0x1f

/** Hashes one part of a blocking key in two 32-bit lanes. */
export function hashPart(text: string): Lanes {
  const lanes = { ...startLanes }
  absorb(lanes, text, separator)
  return lanes
}
