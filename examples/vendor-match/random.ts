/** What a draw is for. Draws for different purposes are independent; the numbers are part of the data's seed. */
export const purposes = {
  internalId: 1,
  internalDuplicate: 2,
  internalPerson: 3,
  internalDetail: 4,
  vendorId: 5,
  vendorDuplicate: 6,
  vendorCounterpart: 7,
  vendorPerson: 8,
  vendorDetail: 9,
  vendorNoise: 10,
} as const
export type Purpose = (typeof purposes)[keyof typeof purposes]

/**
 * Random numbers by name instead of in sequence: each draw is a pure function of (seed, purpose, record, step), so
 * any record can be made again alone and adding a draw disturbs no other. Integer arithmetic only, hence the same on
 * every machine. The mixer is `triple32` by C. Wellons ("Prospecting for Hash Functions", 2018).
 */
export class Random {
  readonly #seed: number

  constructor(seed: number) {
    this.#seed = mix(seed | 0)
  }

  /** Uniform in [0, 1) with 32 bits. */
  unit(purpose: Purpose, record: number, step = 0): number {
    const stream = mix(this.#seed ^ Math.imul(purpose * 4096 + step, 0x9e3779b1))
    return mix(stream ^ Math.imul(record, 0x85ebca6b)) / 0x1_0000_0000
  }

  /** Uniform in 0 … bound − 1. */
  below(bound: number, purpose: Purpose, record: number, step = 0): number {
    return Math.floor(this.unit(purpose, record, step) * bound)
  }
}

function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 17), 0xed5ad4bb)
  h = Math.imul(h ^ (h >>> 11), 0xac4c1b51)
  h = Math.imul(h ^ (h >>> 15), 0x31848bab)
  return (h ^ (h >>> 14)) >>> 0
}
