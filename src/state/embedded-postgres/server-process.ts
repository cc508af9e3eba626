import { open, rename, stat, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { OperatorError } from '../../runtime/errors.ts'
import type { PostgresBinaries } from './binaries.ts'
import type { ClusterPaths } from './cluster.ts'
import { diskFull, gist } from './disk-full.ts'
import { choosePort } from './port.ts'
import { untilReady, type Postmaster } from './postmaster.ts'
import { spawnAs, type ServerAccount } from './server-account.ts'
import type { PostgresSettings } from './tuning.ts'

const recoveryTimeoutMs = 600_000
const logLimitBytes = 10 * 1024 ** 2

export interface StartRequest {
  readonly paths: ClusterPaths
  readonly binaries: PostgresBinaries
  readonly account: ServerAccount
  readonly preferredPort: number | undefined
  readonly settings: PostgresSettings
}

/** Starts the server; what passes by itself, such as a port that is just being taken, costs another attempt. */
export async function startServer(request: StartRequest): Promise<Postmaster> {
  for (let attempt = 1; ; attempt++) {
    const port = await choosePort(attempt === 1 ? request.preferredPort : undefined)
    const started = await attemptStart(request, port)
    if (typeof started !== 'string') return started
    if (attempt < 20 && portWasTaken.test(started)) continue
    if (attempt < 20 && predecessorIsEnding.test(started)) {
      await sleep(250)
      continue
    }
    const full = diskFull(started, request.paths.folder)
    if (full !== null) throw full
    if (belongsToAnother.test(started)) throw foreignFiles(request, started)
    throw new OperatorError({
      code: 'embedded-postgres-start',
      area: 'server',
      message: `the embedded Postgres does not start: ${gist(started)}`,
      hint: `see ${request.paths.log}; if the data cannot be saved, delete its folder to make it again from the sources`,
    })
  }
}

/** A folder that was copied, or restored from a backup, by somebody else. */
const belongsToAnother = /has wrong ownership|permission denied/i

function foreignFiles(
  { paths: { folder }, account: { owner } }: StartRequest,
  reported: string,
): OperatorError {
  return new OperatorError({
    code: 'embedded-postgres-owner',
    area: 'permission',
    message: `the embedded Postgres does not start, since its files belong to somebody else: ${gist(reported)}`,
    hint: `chown -R ${owner} '${folder}', as root; or delete that folder to make it again from the sources`,
  })
}

const portWasTaken = /could not (bind|create any TCP\/IP sockets)/
/** The sessions of a server that was killed live for a moment longer than the server. */
const predecessorIsEnding = /pre-existing shared memory block/

/** The running server, or what it reported before it ended. */
async function attemptStart(request: StartRequest, port: number): Promise<Postmaster | string> {
  const { paths, binaries, account, settings } = request
  const log = await openLog(paths.log)
  try {
    const { size } = await log.stat()
    const command = [binaries.postgres, '-D', paths.data, ...flags({ ...settings, ...network(port) })]
    // A session of its own: Ctrl-C in a terminal reaches us, and we end the server when we are done with it.
    const child = spawnAs(account, command, { detached: true, stdio: ['ignore', log.fd, log.fd] })
    let failure = ''
    child.on('error', (error) => (failure = error.message))
    child.unref()
    const ready = await untilReady({
      data: paths.data,
      isRunning: () => failure === '' && child.exitCode === null && child.signalCode === null,
      timeoutMs: recoveryTimeoutMs,
    })
    return ready ?? (failure || (await readFrom(log, size)))
  } finally {
    await log.close()
  }
}

/** Loopback only, and no socket file: its path could be longer than the system allows. */
function network(port: number): PostgresSettings {
  return { listen_addresses: '127.0.0.1', port, unix_socket_directories: '' }
}

function flags(settings: PostgresSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function openLog(path: string): Promise<FileHandle> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0
  if (size > logLimitBytes) await rename(path, `${path}.1`)
  return open(path, 'a+', 0o600)
}

async function readFrom(log: FileHandle, position: number): Promise<string> {
  const { buffer, bytesRead } = await log.read({ buffer: Buffer.alloc(8_192), position })
  return buffer.subarray(0, bytesRead).toString('utf8').trim() || 'it reported nothing'
}
