import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface PlainServer {
  readonly server: Server
  /** Scheme, host and port. */
  readonly origin: string
  close(): Promise<void>
}

/** An HTTP server of the test's own. */
export async function startPlainServer(answer: RequestListener): Promise<PlainServer> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    server,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}
