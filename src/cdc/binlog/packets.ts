/** A packet holds at most so many bytes; a longer message goes on in the next one. */
const fullPacket = 0xffffff

/**
 * Splits the bytes of a connection into the server's messages. A message that came in one piece is a view of that
 * piece, without a copy.
 */
export class PacketSplitter {
  readonly #onMessage: (message: Buffer) => void
  /** Bytes that do not make a packet yet. */
  #pieces: Buffer[] = []
  #pieceBytes = 0
  /** Of the packet that the pieces begin, its header included; 0 while not even that is known. */
  #wanted = 0
  /** Full packets of one message. */
  #parts: Buffer[] = []

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage
  }

  push(chunk: Buffer): void {
    let bytes = chunk
    if (this.#pieceBytes > 0) {
      this.#pieces.push(chunk)
      this.#pieceBytes += chunk.length
      if (this.#wanted === 0 && this.#pieceBytes < 4) return
      // Joined once the packet is whole: a large one arrives in hundreds of pieces.
      if (this.#wanted > this.#pieceBytes) return
      bytes = Buffer.concat(this.#pieces, this.#pieceBytes)
      this.#pieces = []
      this.#pieceBytes = 0
    }
    this.#split(bytes)
  }

  #split(bytes: Buffer): void {
    let at = 0
    while (bytes.length - at >= 4) {
      const length = bytes.readUIntLE(at, 3)
      if (bytes.length - at < 4 + length) {
        this.#wanted = 4 + length
        break
      }
      this.#onPacket(bytes.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    if (at === bytes.length) return
    if (bytes.length - at < 4) this.#wanted = 0
    this.#pieces = [bytes.subarray(at)]
    this.#pieceBytes = bytes.length - at
  }

  #onPacket(payload: Buffer): void {
    if (payload.length === fullPacket) {
      this.#parts.push(payload)
      return
    }
    if (this.#parts.length === 0) {
      this.#onMessage(payload)
      return
    }
    const message = Buffer.concat([...this.#parts, payload])
    this.#parts = []
    this.#onMessage(message)
  }
}
