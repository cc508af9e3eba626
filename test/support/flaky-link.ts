import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A way to a server that a test can cut, hold up, or let swallow everything while both ends believe in it. */
export class FlakyLink {
  /** That of the server, by this way. */
  readonly url: string
  readonly #server: Server
  readonly #sockets: Set<Socket>
  #isHeld = false
  #bytesUntilHeld = Infinity

  private constructor(server: Server, sockets: Set<Socket>, url: string) {
    this.#server = server
    this.#sockets = sockets
    this.url = url
  }

  static async before(target: string): Promise<FlakyLink> {
    const { hostname: host, port } = new URL(target)
    const sockets = new Set<Socket>()
    const server = createServer((near) => {
      const far = connect({ host, port: Number(port) })
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one)
        one.on('data', (bytes) => {
          other.write(bytes)
          link.#passed(bytes.length)
        })
        one.on('error', () => other.destroy())
        one.on('close', () => {
          sockets.delete(one)
          other.destroy()
        })
        if (link.#isHeld) one.pause()
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = new URL(target)
    url.port = String((server.address() as AddressInfo).port)
    const link = new FlakyLink(server, sockets, url.toString())
    return link
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Ends every connection; new ones are let through. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Nothing comes through, on new connections neither, until `release`; nothing is lost. */
  hold(): void {
    this.#isHeld = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** As `hold`, once so many more bytes have come through. */
  holdAfter(bytes: number): void {
    this.#bytesUntilHeld = bytes
  }

  /** Ends every connection and refuses new ones, until `up`. */
  async down(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async up(): Promise<void> {
    this.#server.listen(Number(new URL(this.url).port), '127.0.0.1')
    await once(this.#server, 'listening')
  }

  release(): void {
    this.#isHeld = false
    this.#bytesUntilHeld = Infinity
    for (const socket of this.#sockets) socket.resume()
  }

  /** Nothing ever comes through again on the connections that there are; new ones are let through. */
  swallow(): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners('data')
      socket.resume()
    }
  }

  #passed(bytes: number): void {
    this.#bytesUntilHeld -= bytes
    if (this.#bytesUntilHeld <= 0 && !this.#isHeld) this.hold()
  }

  async close(): Promise<void> {
    await this.down()
  }
}
