/**
 * 64 bits over texts, written to `out`. Tells whether a record changed since it was last taken in; no defence
 * against somebody who makes collisions on purpose. Source: bryc, "cyrb53", public domain, all 64 bits kept.
 */
export function hashTexts(texts: readonly (string | null)[], seed: HashSeed, out: Uint32Array): void {
  let [a, b] = seed
  for (const text of texts) {
    if (text !== null) {
      for (let index = 0; index < text.length; index++) {
        const unit = text.charCodeAt(index)
        a = Math.imul(a ^ unit, 2654435761)
        b = Math.imul(b ^ unit, 1597334677)
      }
    }
    // Not a UTF-16 unit: no text can pretend to be two, or none.
    const end = text === null ? 0x10001 : 0x10000
    a = Math.imul(a ^ end, 2654435761)
    b = Math.imul(b ^ end, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  out[0] = a >>> 0
  // 0,0 means "unknown".
  out[1] = b >>> 0 || 1
}

export type HashSeed = readonly [number, number]

export const plainSeed: HashSeed = [0xdeadbeef, 0x41c6ce57]

/** Hashes made with another text never agree, so that a changed declaration changes all records. */
export function seedOf(text: string): HashSeed {
  const out = new Uint32Array(2)
  hashTexts([text], plainSeed, out)
  return [out[0] ?? 0, out[1] ?? 0]
}
