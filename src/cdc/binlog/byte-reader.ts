/** Reads the little-endian fields of the replication protocol one after the other. */
export class ByteReader {
  readonly buffer: Buffer
  offset: number
  readonly end: number

  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.buffer = buffer
    this.offset = offset
    this.end = end
  }

  get remaining(): number {
    return this.end - this.offset
  }

  u8(): number {
    return this.#byte(this.offset++)
  }

  u16(): number {
    const at = this.offset
    this.offset += 2
    return this.#byte(at) | (this.#byte(at + 1) << 8)
  }

  u24(): number {
    const at = this.offset
    this.offset += 3
    return this.#byte(at) | (this.#byte(at + 1) << 8) | (this.#byte(at + 2) << 16)
  }

  u32(): number {
    const at = this.offset
    this.offset += 4
    return this.#word(at)
  }

  u48(): number {
    const at = this.offset
    this.offset += 6
    return this.#word(at) + (this.#byte(at + 4) | (this.#byte(at + 5) << 8)) * 0x100000000
  }

  u64(): bigint {
    const at = this.offset
    this.offset += 8
    return this.buffer.readBigUInt64LE(at)
  }

  /** Of one to eight bytes, exact. */
  unsigned(bytes: number): number | bigint {
    if (bytes === 8) return this.u64()
    if (bytes === 7) return BigInt(this.u32()) | (BigInt(this.u24()) << 32n)
    const at = this.offset
    this.offset += bytes
    return this.buffer.readUIntLE(at, bytes)
  }

  /** Of one to six bytes. */
  bigEndian(bytes: number): number {
    let value = 0
    for (let index = 0; index < bytes; index++) value = value * 256 + this.#byte(this.offset + index)
    this.offset += bytes
    return value
  }

  /** The protocol's length-encoded integer. */
  length(): number {
    const first = this.u8()
    if (first < 251) return first
    if (first === 252) return this.u16()
    if (first === 253) return this.u24()
    if (first === 254) return Number(this.u64())
    throw new RangeError(`${first} begins no length`)
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const at = this.offset
    if (length > this.end - at) throw new RangeError('the event ends within a field')
    this.offset = at + length
    return this.buffer.subarray(at, at + length)
  }

  utf8(length: number): string {
    const at = this.offset
    if (length > this.end - at) throw new RangeError('the event ends within a text')
    this.offset = at + length
    return this.buffer.toString('utf8', at, at + length)
  }

  skip(length: number): void {
    this.offset += length
  }

  // Beyond the end it is undefined, which the operators of bits take for 0; the row's length shows it.
  #byte(at: number): number {
    return this.buffer[at] as number
  }

  #word(at: number): number {
    return (
      (this.#byte(at) | (this.#byte(at + 1) << 8) | (this.#byte(at + 2) << 16)) +
      this.#byte(at + 3) * 0x1000000
    )
  }
}
