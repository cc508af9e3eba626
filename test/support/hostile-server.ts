import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { mulberry32 } from '../../examples/vendor-match/simulator-hostile.ts'
import type { HostileList } from './hostile-list.ts'

/** Of a hundred answers so many do not arrive as they were said. */
const spoiled = 8

const bomb = gzipSync(Buffer.alloc(2 ** 24, ' '))

export interface HostileServerOptions {
  readonly seed: number
  readonly onRequest: () => void
}

/** A real server in front of a list at its worst: what the list says may besides come late, in part, or as a bomb. */
export class HostileServer {
  readonly #list: HostileList
  readonly #random: () => number
  readonly #onRequest: () => void
  readonly #server = createServer((request, response) => {
    void this.#answer(request.url ?? '/', response)
  })
  private constructor(list: HostileList, { seed, onRequest }: HostileServerOptions) {
    this.#list = list
    this.#random = mulberry32(seed)
    this.#onRequest = onRequest
  }

  static async start(list: HostileList, options: HostileServerOptions): Promise<HostileServer> {
    const server = new HostileServer(list, options)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/users`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(path: string, response: ServerResponse): Promise<void> {
    this.#onRequest()
    const url = new URL(path, this.url)
    const { signal } = new AbortController()
    try {
      const { status, headers, body } = await this.#list.fetch({ url, signal })
      const spoil = this.#list.isHostile && this.#random() * 100 < spoiled ? this.#random() : 1
      if (spoil < 0.3) {
        response.writeHead(status, { ...headers, 'content-encoding': 'gzip' }).end(bomb)
      } else if (spoil < 0.6) {
        response.writeHead(status, { ...headers, 'content-length': body.length + 1 }).write(body)
        response.destroy()
      } else {
        // Longer than the asking side is willing to wait.
        if (spoil < 1) await new Promise((resolve) => response.once('close', resolve))
        response.writeHead(status, headers).end(body)
      }
    } catch {
      response.destroy()
    }
  }
}
