import { randomBytes } from 'node:crypto'
import { mkdir, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OperatorError, SynclineError, TransientError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import { Session } from '../session.ts'
import { findPostgresBinaries } from './binaries.ts'
import { clusterPaths, ensureCluster, superuser, type ClusterPaths } from './cluster.ts'
import { diskFull } from './disk-full.ts'
import { withFolderLock } from './folder-lock.ts'
import { livingPostmaster, shutDown, untilReady, type Postmaster } from './postmaster.ts'
import { serverAccount } from './server-account.ts'
import { startServer } from './server-process.ts'
import type { PostgresSettings } from './tuning.ts'
import { Users, isAlive } from './users.ts'
import { lastPort, writeWarehouseFile } from './warehouse-file.ts'

const host = '127.0.0.1'
const database = 'warehouse'

export interface EmbeddedPostgresOptions {
  /** The folder `.syncline` beside the configuration file; made if it is not there. */
  readonly directory: string
  readonly log?: Logger
  /** `stop` leaves the server running. */
  readonly keepRunning?: boolean
  /** Server settings over those in its `postgresql.conf`, for a server that is started now. */
  readonly settings?: PostgresSettings
}

export interface EmbeddedPostgres {
  /** Of the database for the warehouse, with the password. */
  readonly url: string
  readonly port: number
  /** The server's process. */
  readonly pid: number
  /** Stops the server unless another process still uses it; may be called again. */
  stop(): Promise<void>
}

/**
 * Opens the warehouse that lives beside the configuration file: a Postgres of its own, made and started if it
 * is not there yet. A server that survived its starter, or that another process runs, is used as it is.
 *
 * Throws an `OperatorError` when there is no Postgres to start, or it does not start.
 */
export async function openEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    await mkdir(options.directory, { recursive: true })
    const directory = await realpath(options.directory)
    return await withFolderLock(directory, () => open(directory, options))
  } catch (error) {
    throw folderError(error, options.directory)
  }
}

async function open(directory: string, options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const paths = clusterPaths(join(directory, 'postgres'))
  const { pid, port, url } = await reachServer(directory, paths, options)
  const place = { host, database, user: superuser, passwordFile: paths.password }
  const users = new Users(paths.users)
  const ticket = `${process.pid}-${randomBytes(4).toString('hex')}`
  const leave = async (): Promise<void> => {
    await users.leave(ticket)
    if (options.keepRunning === true || (await users.areThere())) return
    // Not the server of the beginning: another process may have started it anew meanwhile.
    const current = await livingPostmaster(paths.data)
    if (current) await shutDown(current.pid, paths.data)
    // Its port is kept for the next start; its process number will soon be somebody else's.
    await writeWarehouseFile(directory, { ...place, port: (await lastPort(directory)) ?? port, pid: null })
    options.log?.debug({ pid: current?.pid }, 'embedded Postgres stopped')
  }
  try {
    await users.enter(ticket)
    await writeWarehouseFile(directory, { ...place, port, pid })
  } catch (error) {
    await leave()
    throw error
  }
  let stopped: Promise<void> | undefined
  return { url, port, pid, stop: () => (stopped ??= withFolderLock(directory, leave)) }
}

/** A server that is just being killed still looks alive; then the next attempt starts a new one. */
async function reachServer(
  directory: string,
  paths: ClusterPaths,
  options: EmbeddedPostgresOptions,
): Promise<Postmaster & { readonly url: string }> {
  for (let attempt = 1; ; attempt++) {
    const living = (await awaitLiving(paths.data)) ?? (await start(directory, paths, options))
    try {
      return { ...living, url: await databaseUrl(paths, living.port) }
    } catch (error) {
      if (!(error instanceof TransientError) || attempt === 10) throw error
      await sleep(200)
    }
  }
}

/** A server that is there already, once it takes connections; undefined if none is, or it is just ending. */
async function awaitLiving(data: string): Promise<Postmaster | undefined> {
  const living = await livingPostmaster(data)
  if (!living || living.isReady) return living
  const ready = await untilReady({ data, isRunning: () => isAlive(living.pid), timeoutMs: 600_000 })
  return ready ?? (await livingPostmaster(data))
}

async function start(
  directory: string,
  paths: ClusterPaths,
  options: EmbeddedPostgresOptions,
): Promise<Postmaster> {
  const { log, settings = {} } = options
  const binaries = await findPostgresBinaries()
  const account = await serverAccount({ folder: paths.data, parent: directory, program: binaries.postgres })
  await ensureCluster(paths, binaries, account)
  const preferredPort = await lastPort(directory)
  const started = await startServer({ paths, binaries, account, preferredPort, settings })
  log?.debug({ pid: started.pid, port: started.port, data: paths.data }, 'embedded Postgres started')
  return started
}

/** Makes the database unless it is there; a first run can be killed before it does. */
async function databaseUrl(paths: ClusterPaths, port: number): Promise<string> {
  const password = (await readFile(paths.password, 'utf8')).trim()
  const server = `postgres://${superuser}:${password}@${host}:${port}`
  const session = await Session.connect({ url: `${server}/postgres`, applicationName: 'syncline start' })
  try {
    const found = await session.query('select 1 from pg_database where datname = $1', [database])
    if (found.length === 0) await session.query(`create database ${database}`)
  } finally {
    await session.close()
  }
  return `${server}/${database}`
}

function folderError(error: unknown, directory: string): unknown {
  if (error instanceof SynclineError) return error
  const full = diskFull('', directory, error)
  if (full !== null) return full
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (!['EACCES', 'EPERM', 'EROFS'].includes(code)) return error
  return new OperatorError({
    code: 'embedded-postgres-folder',
    area: 'permission',
    message: `the folder of the embedded Postgres, ${directory}, cannot be used: ${(error as Error).message}`,
    hint: `run Syncline as the user who made this folder, give it to the one who runs it now (\`sudo chown -R "$(id -un)" '${directory}'\`), or delete it to make it again from the sources`,
    cause: error,
  })
}
