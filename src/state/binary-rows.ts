/** How much is sent at a time. */
const flushBytes = 64 * 1024

/** A buffer has room for the row with which it is full; one that is longer makes it grow. */
const bufferBytes = flushBytes + 8 * 1024

const firstBytes = 4 * 1024

/** Starts the data: the signature, no flags, no extension. */
const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const trailer = Buffer.from([0xff, 0xff])

const textOid = 25

/** Calling out of JavaScript takes longer than so many letters. */
const shortText = 24

/** Writes a short text of ASCII and returns its length; null for any other. */
function writeShort(bytes: Buffer, text: string, at: number): number | null {
  if (text.length > shortText) return null
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return null
    bytes[at + i] = unit
  }
  return text.length
}

/**
 * Rows in the binary format of `copy` (Postgres manual, COPY, File Formats), gathering in memory until they are sent: it
 * spares both sides to print and to parse numbers, and the garbage collector to look at rows that wait.
 */
export class BinaryRows {
  readonly #full: Buffer[] = []
  #fullBytes = 0
  #bytes = Buffer.allocUnsafe(firstBytes)
  #length = header.copy(this.#bytes)
  #count = 0

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#fullBytes + this.#length
  }

  /** Begins a row of so many columns; their values follow. */
  begin(columns: number): void {
    this.#count++
    if (this.#length >= flushBytes) this.#next()
    this.#length = this.#room(2).writeInt16BE(columns, this.#length)
  }

  /** An `integer`. */
  integer(value: number): void {
    const bytes = this.#room(8)
    this.#length = bytes.writeInt32BE(value, bytes.writeInt32BE(4, this.#length))
  }

  /** A `bigint` from a safe integer that is not negative. */
  bigint(value: number): void {
    const bytes = this.#room(12)
    let at = bytes.writeInt32BE(8, this.#length)
    at = bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at)
    this.#length = bytes.writeUInt32BE(value >>> 0, at)
  }

  null(): void {
    this.#length = this.#room(4).writeInt32BE(-1, this.#length)
  }

  /** A `text`, a `json` or a `"char"`. */
  text(value: string): void {
    // In UTF-8 a UTF-16 unit takes three bytes at most.
    const bytes = this.#room(4 + value.length * 3)
    const written = writeShort(bytes, value, this.#length + 4) ?? bytes.write(value, this.#length + 4)
    this.#length = bytes.writeInt32BE(written, this.#length) + written
  }

  /** A `text[]` of one dimension (array_send in Postgres' arrayfuncs.c). */
  textArray(values: readonly (string | null)[]): void {
    const start = this.#length
    const bytes = this.#room(24)
    let at = bytes.writeInt32BE(values.length === 0 ? 0 : 1, start + 4)
    at = bytes.writeInt32BE(values.includes(null) ? 1 : 0, at)
    at = bytes.writeInt32BE(textOid, at)
    if (values.length > 0) at = bytes.writeInt32BE(1, bytes.writeInt32BE(values.length, at))
    this.#length = at
    for (const value of values) {
      if (value === null) this.null()
      else this.text(value)
    }
    this.#bytes.writeInt32BE(this.#length - start - 4, start)
  }

  /** All of them, to be sent in this order; nothing can be added any more. */
  end(): Buffer[] {
    const length = this.#length
    this.#length = trailer.copy(this.#room(trailer.length), length) + length
    return [...this.#full, this.#bytes.subarray(0, this.#length)]
  }

  #next(): void {
    this.#full.push(this.#bytes.subarray(0, this.#length))
    this.#fullBytes += this.#length
    this.#bytes = Buffer.allocUnsafe(bufferBytes)
    this.#length = 0
  }

  #room(bytes: number): Buffer {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return this.#bytes
    const larger = Buffer.allocUnsafe(needed > bufferBytes ? 2 * needed : Math.min(2 * needed, bufferBytes))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
    return larger
  }
}
