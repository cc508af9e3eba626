import { hashTexts, plainSeed } from './record-hash.ts'

/**
 * The ids of a stream, each with the hash of its record as last taken in and the page that held it in this sweep:
 * open addressing over typed arrays, 20 bytes a slot whatever the length of the ids. Two ids that share 64
 * bits (one chance in 10^8 for a million ids) would count as one: at worst a deletion stays unseen.
 */
export class IdTable {
  #ids = new Uint32Array(2048)
  #rows = new Uint32Array(2048)
  #pages = new Uint32Array(1024)
  #size = 0
  #seen = 0
  readonly #hash = new Uint32Array(2)

  /** Ids seen in this sweep. */
  get seen(): number {
    return this.#seen
  }

  /** Forgets which pages held the ids. */
  beginSweep(): void {
    this.#pages.fill(0)
    this.#seen = 0
  }

  /** The slot of an id, made if need be; good until the next call. */
  slot(id: string): number {
    if (this.#size * 3 > this.#pages.length * 2) this.#grow()
    hashTexts([id], plainSeed, this.#hash)
    const [low = 0, high = 0] = this.#hash
    const slot = this.#probe(low, high)
    if (this.#ids[slot * 2 + 1] === 0) {
      this.#ids[slot * 2] = low
      this.#ids[slot * 2 + 1] = high
      this.#size++
    }
    return slot
  }

  /** The page that held the id in this sweep, 0 for none. */
  page(id: string): number {
    hashTexts([id], plainSeed, this.#hash)
    return this.#pages[this.#probe(this.#hash[0] ?? 0, this.#hash[1] ?? 0)] ?? 0
  }

  see(slot: number, page: number): void {
    if (this.#pages[slot] === 0) this.#seen++
    this.#pages[slot] = page
  }

  /** Whether the record was last taken in with this hash. */
  sameRow(slot: number, low: number, high: number): boolean {
    return this.#rows[slot * 2] === low && this.#rows[slot * 2 + 1] === high
  }

  setRow(slot: number, low: number, high: number): void {
    this.#rows[slot * 2] = low
    this.#rows[slot * 2 + 1] = high
  }

  /** The next record with this id counts as changed, whatever it is. */
  forgetRow(id: string): void {
    this.setRow(this.slot(id), 0, 0)
  }

  /** The slot that holds the hash or the free one where it belongs. */
  #probe(low: number, high: number): number {
    const mask = this.#pages.length - 1
    let slot = low & mask
    while (
      this.#ids[slot * 2 + 1] !== 0 &&
      (this.#ids[slot * 2] !== low || this.#ids[slot * 2 + 1] !== high)
    ) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const { ids, rows, pages } = { ids: this.#ids, rows: this.#rows, pages: this.#pages }
    this.#ids = new Uint32Array(ids.length * 2)
    this.#rows = new Uint32Array(rows.length * 2)
    this.#pages = new Uint32Array(pages.length * 2)
    for (let from = 0; from < pages.length; from++) {
      if (ids[from * 2 + 1] === 0) continue
      const to = this.#probe(ids[from * 2] ?? 0, ids[from * 2 + 1] ?? 0)
      this.#ids.set(ids.subarray(from * 2, from * 2 + 2), to * 2)
      this.#rows.set(rows.subarray(from * 2, from * 2 + 2), to * 2)
      this.#pages[to] = pages[from] ?? 0
    }
  }
}
