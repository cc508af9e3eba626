import { createServer } from 'node:net'

/** The preferred port of 127.0.0.1 if nobody listens on it, else any that is free now. */
export async function choosePort(preferred: number | undefined): Promise<number> {
  const kept = preferred === undefined ? undefined : await probe(preferred)
  const port = kept ?? (await probe(0))
  if (port === undefined) throw new Error('this machine has no free port on 127.0.0.1')
  return port
}

function probe(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => {
      resolve(undefined)
    })
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        resolve(address !== null && typeof address === 'object' ? address.port : undefined)
      })
    })
  })
}
