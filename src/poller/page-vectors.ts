/**
 * Which page first showed a list of ids in this sweep: 53 bits of its hash and the number, 12 bytes a slot of open
 * addressing, so bounded by `maxPages`. Two lists that share 53 bits would count as one: a needless doubt.
 */
export class PageVectors {
  #hashes = new Float64Array(64)
  #pages = new Uint32Array(64)
  #size = 0

  /** The page that showed the ids first, or null. */
  find(vector: string): number | null {
    const page = this.#pages[this.#probe(hashOf(vector))] ?? 0
    return page === 0 ? null : page
  }

  /** The first page stays. */
  add(vector: string, page: number): void {
    if (this.#size * 3 > this.#pages.length * 2) this.#grow()
    const hash = hashOf(vector)
    const slot = this.#probe(hash)
    if (this.#pages[slot] !== 0) return
    this.#hashes[slot] = hash
    this.#pages[slot] = page
    this.#size++
  }

  #probe(hash: number): number {
    const mask = this.#pages.length - 1
    let slot = hash & mask
    while (this.#pages[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const [hashes, pages] = [this.#hashes, this.#pages]
    this.#hashes = new Float64Array(hashes.length * 2)
    this.#pages = new Uint32Array(pages.length * 2)
    pages.forEach((page, old) => {
      if (page === 0) return
      const slot = this.#probe(hashes[old] ?? 0)
      this.#hashes[slot] = hashes[old] ?? 0
      this.#pages[slot] = page
    })
  }
}

/** `vector` is a hash already, in base64: 53 of its bits. */
function hashOf(vector: string): number {
  const bytes = Buffer.from(vector.slice(0, 12), 'base64')
  return bytes.readUIntBE(0, 6) * 32 + ((bytes[6] ?? 0) & 31)
}
