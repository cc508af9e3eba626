import { createServer } from 'node:net'

/**
 * A port of 127.0.0.1 that nobody listens on. Somebody else can take it before it is used: whoever starts a
 * server on it must be ready to try another.
 *
 * @returns {Promise<number>}
 */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port)
        else reject(new Error('no free port'))
      })
    })
  })
}
