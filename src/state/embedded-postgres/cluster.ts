import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperatorError } from '../../runtime/errors.ts'
import type { PostgresBinaries } from './binaries.ts'
import { diskFull } from './disk-full.ts'
import { run, serverEnvironment, type ServerAccount } from './server-account.ts'
import { availableMemoryMb, settingLines, warehouseSettings } from './tuning.ts'

export const superuser = 'syncline'

/** The files of one embedded server, all below the folder beside the configuration file. */
export interface ClusterPaths {
  readonly folder: string
  readonly data: string
  readonly password: string
  readonly users: string
  readonly log: string
}

export function clusterPaths(folder: string): ClusterPaths {
  return {
    folder,
    data: join(folder, 'data'),
    password: join(folder, 'password'),
    users: join(folder, 'users'),
    log: join(folder, 'server.log'),
  }
}

/**
 * Makes the cluster unless it is there. It gets its name when it is whole, so a run that is killed meanwhile
 * leaves none that is half made. The caller holds the folder's lock.
 */
export async function ensureCluster(
  { folder, data }: ClusterPaths,
  binaries: PostgresBinaries,
  account: ServerAccount,
): Promise<void> {
  if ((await unlessMissing(stat(folder))) !== undefined) {
    await checkVersion(data, binaries)
    return
  }
  const work = `${folder}.initdb`
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { mode: 0o700 })
  await account.own(work)
  await initialize(clusterPaths(work), binaries, account)
  await rename(work, folder)
}

async function initialize(
  { data, password }: ClusterPaths,
  binaries: PostgresBinaries,
  account: ServerAccount,
): Promise<void> {
  await writeFile(password, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 })
  await account.own(password)
  await mkdir(data, { mode: 0o700 })
  await account.own(data)
  // Ids are compared bytewise everywhere. Where it can, the server still knows the case of all letters.
  const locale =
    binaries.majorVersion >= 17
      ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
      : ['--locale=C']
  const [program = '', ...args] = [
    ...account.prefix,
    binaries.initdb,
    `--pgdata=${data}`,
    `--username=${superuser}`,
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...locale,
  ]
  try {
    await run(program, args, { env: serverEnvironment() })
  } catch (cause) {
    const reported = cause instanceof Error ? cause.message : String(cause)
    const full = diskFull(reported, dirname(dirname(data)))
    if (full !== null) throw full
    throw new OperatorError({
      code: 'embedded-postgres-initdb',
      area: 'server',
      message: `the embedded Postgres cannot make its data directory: ${reported}`,
      hint: 'see the message; or set WAREHOUSE_URL to a Postgres of your own',
      cause,
    })
  }
  await appendFile(join(data, 'postgresql.conf'), `\n${settingLines(warehouseSettings(availableMemoryMb()))}`)
}

async function checkVersion(data: string, { majorVersion }: PostgresBinaries): Promise<void> {
  const made = ((await unlessMissing(readFile(join(data, 'PG_VERSION'), 'utf8'))) ?? '').trim()
  if (made === String(majorVersion)) return
  throw new OperatorError({
    code: 'embedded-postgres-version',
    area: 'configuration',
    message: `${data} was made by Postgres ${made || 'of an unknown version'}, but the server found here is Postgres ${majorVersion}`,
    hint: 'delete its folder to make it again from the sources, or set WAREHOUSE_URL to a Postgres of your own',
  })
}

/** A folder that another user made and closed to us is not a missing one: the caller says whose it is to open. */
async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
