import { createServer, connect, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

/** A way to a server that can be cut, and stalled so that nothing comes through while both ends believe in it. */
export class FlakyLink {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #stalled = false

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server
    this.#sockets = sockets
    this.port = (server.address() as AddressInfo).port
  }

  static async open(host: string, port: number): Promise<FlakyLink> {
    const sockets = new Set<Socket>()
    let link: FlakyLink | null = null
    const server = createServer((near) => {
      const far = connect(port, host)
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one)
        one.on('data', (bytes) => other.write(bytes))
        one.on('error', () => other.destroy())
        one.on('close', () => {
          sockets.delete(one)
          other.destroy()
        })
        if (link?.isStalled === true) one.pause()
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    link = new FlakyLink(server, sockets)
    return link
  }

  get isStalled(): boolean {
    return this.#stalled
  }

  /** Ends every connection; new ones are taken at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  stall(): void {
    this.#stalled = true
    for (const socket of this.#sockets) socket.pause()
  }

  flow(): void {
    this.#stalled = false
    for (const socket of this.#sockets) socket.resume()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
