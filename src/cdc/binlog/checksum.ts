/** Of an event, at its end. */
const checksumBytes = 4

const formatDescription = 15
const artificialFlag = 0x20

/**
 * Takes the checksums off: the transport has its own. Events of the log have one if the file's format says so, those
 * that the server makes up for us if it was on when we asked.
 */
export class Checksums {
  readonly #whenAsked: boolean
  #inFile = false

  constructor(algorithm: string) {
    this.#whenAsked = algorithm.toUpperCase() !== 'NONE'
    this.#inFile = this.#whenAsked
  }

  /** An event from its header on, without its checksum. */
  strip(event: Buffer): Buffer {
    if (event[4] === formatDescription) {
      // It has one whatever its file has: the byte before tells of the others.
      this.#inFile = event[event.length - checksumBytes - 1] === 1
      return event.subarray(0, event.length - checksumBytes)
    }
    const isArtificial = ((event[17] ?? 0) & artificialFlag) !== 0
    const has = isArtificial ? this.#whenAsked : this.#inFile
    return has ? event.subarray(0, event.length - checksumBytes) : event
  }
}
