import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A port in front of a server's, at which a test can cut the links or make them swallow everything. */
export class Proxy {
  readonly url: string
  readonly #server: Server
  readonly #pairs = new Set<readonly [near: Socket, far: Socket]>()

  private constructor(server: Server, url: string) {
    this.#server = server
    this.url = url
  }

  static async before(target: string): Promise<Proxy> {
    const { hostname: host, port } = new URL(target)
    const server = createServer((near) => {
      const far = connect({ host, port: Number(port) })
      near.pipe(far)
      far.pipe(near)
      const end = (): void => {
        near.destroy()
        far.destroy()
      }
      for (const socket of [near, far]) socket.on('error', end).on('close', end)
      proxy.#pairs.add([near, far])
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = new URL(target)
    url.port = String((server.address() as AddressInfo).port)
    const proxy = new Proxy(server, url.toString())
    return proxy
  }

  /** Ends every link; new ones are let through. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy()
      far.destroy()
    }
    this.#pairs.clear()
  }

  /** Lets nothing through on the links that there are, and does not say so; new ones are let through. */
  stall(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far)
      far.unpipe(near)
      near.resume()
      far.resume()
    }
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
