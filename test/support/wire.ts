import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A port in front of a server's, at which a test can cut the wire. */
export class Wire {
  /** Bytes that the server sent, for each connection since the last `mend`. */
  sent: number[] = []
  port = 0
  readonly #target: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #cut: { readonly connection: number; readonly bytes: number; readonly forGood: boolean } | null = null

  private constructor(url: string) {
    const { hostname: host, port } = new URL(url)
    this.#target = { host, port: Number(port) }
    this.#server = createServer((socket) => {
      this.#join(socket)
    })
  }

  static async before(url: string): Promise<Wire> {
    const wire = new Wire(url)
    await wire.#listen()
    return wire
  }

  /**
   * Cuts the connection with this number after so many bytes from the server. `forGood`: the others, too, and new
   * ones are refused until it is mended.
   */
  cutAt(cut: { connection: number; bytes: number; forGood: boolean }): void {
    this.sent = []
    this.#cut = cut
  }

  async mend(): Promise<void> {
    this.sent = []
    this.#cut = null
    if (!this.#server.listening) await this.#listen()
  }

  async close(): Promise<void> {
    this.#end()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  #join(near: Socket): void {
    const connection = this.sent.push(0) - 1
    const far = connect(this.#target)
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    far.on('data', (data) => {
      const cut = this.#cut?.connection === connection ? this.#cut : null
      const before = this.sent[connection] ?? 0
      const left = cut === null ? data.length : cut.bytes - before
      this.sent[connection] = before + data.length
      near.write(data.subarray(0, Math.max(0, left)))
      if (left >= data.length) return
      if (cut?.forGood === true) this.#end()
      else near.destroy()
    })
  }

  #end(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
