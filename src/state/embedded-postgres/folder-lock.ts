import { createHash } from 'node:crypto'
import { unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransientError } from '../../runtime/errors.ts'

/**
 * Runs `work` while no other process of this machine does so for the same folder.
 *
 * The lock is the address of a socket: the kernel gives it to one process and takes it back when that process
 * dies. A lock file would outlive a killed owner, and removing it safely would need a lock.
 */
export async function withFolderLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const held = await acquire(lockAddress(folder))
  try {
    return await work()
  } finally {
    await new Promise((resolve) => held.close(resolve))
  }
}

function lockAddress(folder: string): string {
  const name = `syncline-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`
  // Names that begin with a zero byte are Linux' own; elsewhere the socket needs a file.
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), name)
}

async function acquire(address: string): Promise<Server> {
  // Starting a server after a crash can take minutes: it replays its log first.
  const deadline = Date.now() + 300_000
  for (;;) {
    const held = await listen(address)
    if (held) return held
    if (!address.startsWith('\0') && !(await answers(address))) await unlink(address).catch(() => undefined)
    if (Date.now() > deadline) {
      throw new TransientError({
        code: 'embedded-postgres-busy',
        message: 'another process has been starting or stopping this embedded Postgres for five minutes',
      })
    }
    await sleep(25)
  }
}

function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => {
      resolve(server)
    })
  })
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => {
      resolve(false)
    })
  })
}
