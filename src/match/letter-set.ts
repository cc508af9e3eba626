/** A set of UTF-16 units as 32 bits, the unit modulo 32: exact for a to z, never too large for the rest. */
export function letterSet(text: string): number {
  let set = 0
  for (let i = 0; i < text.length; i++) set |= 1 << (text.charCodeAt(i) & 31)
  return set
}

/** How many members of `a` are not in `b`. */
export function countMissing(a: number, b: number): number {
  let bits = a & ~b
  bits -= (bits >>> 1) & 0x55555555
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
