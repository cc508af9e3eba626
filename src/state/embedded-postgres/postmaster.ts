import { readFile, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransientError } from '../../runtime/errors.ts'
import { run } from './server-account.ts'
import { isAlive } from './users.ts'

/** What a running server writes into its data directory. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly isReady: boolean
}

const pidFile = (data: string) => join(data, 'postmaster.pid')

/**
 * The server that runs on this data directory. A file that a crash or a power cut left behind is removed,
 * even if its process number belongs to somebody else now: Postgres would refuse to start then.
 */
export async function livingPostmaster(data: string): Promise<Postmaster | undefined> {
  const found = await readPostmaster(data)
  if (!found) return undefined
  if (await servesFrom(found.pid, data)) return found
  await rm(pidFile(data), { force: true })
  return undefined
}

async function readPostmaster(data: string): Promise<Postmaster | undefined> {
  const text = await readFile(pidFile(data), 'utf8').catch(() => '')
  const [pid = '', , , port = '', , , , status = ''] = text.split('\n')
  if (!/^\d+$/.test(pid.trim())) return undefined
  return { pid: Number(pid), port: Number(port), isReady: status.trim() === 'ready' }
}

async function servesFrom(pid: number, data: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  // A server works in its data directory, which holds even if a parent folder was renamed meanwhile.
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
  if (folder !== undefined) return folder === data
  const commandLine = await (
    process.platform === 'linux'
      ? readFile(`/proc/${pid}/cmdline`, 'utf8')
      : run('ps', ['-o', 'command=', '-p', String(pid)])
  ).catch(() => '')
  return commandLine.includes(data)
}

export interface ReadyRequest {
  readonly data: string
  /** Whether the process that was started is still there. */
  readonly isRunning: () => boolean
  readonly timeoutMs: number
}

/** Waits until the server takes connections; undefined if its process ended instead. */
export async function untilReady(request: ReadyRequest): Promise<Postmaster | undefined> {
  const deadline = Date.now() + request.timeoutMs
  while (request.isRunning()) {
    const found = await readPostmaster(request.data)
    if (found?.isReady === true && (await servesFrom(found.pid, request.data))) return found
    if (Date.now() > deadline) {
      throw new TransientError({
        code: 'embedded-postgres-slow',
        message: `the embedded Postgres in ${request.data} is still recovering after ${request.timeoutMs / 1000} s`,
      })
    }
    await sleep(10)
  }
  return undefined
}

/** Ends sessions, writes a checkpoint and waits until the server is gone: a "fast shutdown". */
export async function shutDown(pid: number, data: string): Promise<void> {
  const deadline = Date.now() + 300_000
  if (await servesFrom(pid, data)) process.kill(pid, 'SIGINT')
  while (await servesFrom(pid, data)) {
    if (Date.now() > deadline) {
      throw new TransientError({
        code: 'embedded-postgres-stop',
        message: `the embedded Postgres in ${data} (process ${pid}) does not stop`,
      })
    }
    await sleep(10)
  }
}
