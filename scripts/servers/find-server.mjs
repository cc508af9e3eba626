import { access, constants, realpath } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { unpackDebianPackage } from './debian-package.mjs'
import { exists, fillCache, findCached } from './server-cache.mjs'
import { runCommand } from './run-command.mjs'

/** @typedef {'mariadb' | 'mysql'} Flavour */

/**
 * @typedef {object} Server
 * @property {Flavour} flavour
 * @property {string} version
 * @property {string[]} command the program and the arguments that come before its options
 * @property {string} base what the server calls its base directory
 */

const programs = { mariadb: ['mariadbd', 'mysqld'], mysql: ['mysqld'] }

const packages = {
  mariadb: { name: 'mariadb-server-core', suite: 'bookworm', cachePrefix: 'mariadb-10.11' },
  mysql: { name: 'mysql-server-core', suite: 'unstable', cachePrefix: 'mysql-9' },
}

/**
 * The server of this flavour that is on the machine, else the one in the cache, else one that is fetched now.
 *
 * @param {Flavour} flavour
 * @param {{ announce?: (step: string) => void }} [options] `announce` is told of a step that takes a while
 * @returns {Promise<Server>}
 */
export async function findServer(flavour, { announce } = {}) {
  const installed = await installedServer(flavour)
  if (installed !== undefined) return installed
  const { cachePrefix } = packages[flavour]
  const root = (await findCached('servers', cachePrefix)) ?? (await fetchServer(flavour, announce))
  return unpackedServer(flavour, root)
}

/**
 * @param {Flavour} flavour
 * @returns {Promise<Server | undefined>}
 */
async function installedServer(flavour) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  for (const program of programs[flavour]) {
    for (const folder of folders) {
      const path = join(folder, program)
      if (folder === '' || !(await isExecutable(path))) continue
      const version = await suitableVersion(flavour, path)
      if (version === undefined) continue
      const base = dirname(dirname(await realpath(path)))
      return { flavour, version, command: [path], base }
    }
  }
  return undefined
}

/**
 * The version if the program is a server of this flavour and new enough to name its columns in the binlog.
 *
 * @param {Flavour} flavour
 * @param {string} program
 */
async function suitableVersion(flavour, program) {
  const text = await runCommand(program, ['--no-defaults', '--version']).catch(() => '')
  const match = /Ver (\d+)\.(\d+)\.(\d+)(-MariaDB)?/.exec(text)
  if (match === null) return undefined
  const isMariadb = match[4] !== undefined
  const number = Number(match[1]) * 1000 + Number(match[2])
  const isSuitable = flavour === 'mariadb' ? isMariadb && number >= 10_005 : !isMariadb && number >= 8_000
  return isSuitable ? `${match[1] ?? ''}.${match[2] ?? ''}.${match[3] ?? ''}` : undefined
}

/**
 * @param {Flavour} flavour
 * @param {((step: string) => void) | undefined} announce
 */
async function fetchServer(flavour, announce) {
  const { name, suite } = packages[flavour]
  announce?.(`fetching ${name} from Debian ${suite}`)
  try {
    return await fillCache('servers', async (work) => {
      const content = join(work, 'root')
      const packageVersion = await unpackDebianPackage({ name, suite, work, root: content })
      const version = /^(?:\d+:)?(\d+(?:\.\d+)*)/.exec(packageVersion)?.[1] ?? packageVersion
      return { name: `${flavour}-${version}`, content }
    })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `no ${flavour} server on this machine, and none could be fetched: ${reason}\n` +
        `Install one (Debian: apt-get install ${flavour === 'mariadb' ? 'mariadb-server' : name}), or start ` +
        `servers yourself (docker compose up mysql) and name them in TEST_MYSQL_URLS=mysql://user:password@host:port`,
      { cause },
    )
  }
}

const loaders = { x64: 'ld-linux-x86-64.so.2', arm64: 'ld-linux-aarch64.so.1' }
const triplets = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/**
 * @param {Flavour} flavour
 * @param {string} root
 * @returns {Promise<Server>}
 */
async function unpackedServer(flavour, root) {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64'
  const triplet = triplets[architecture]
  const libraries = [`usr/lib/${triplet}`, `lib/${triplet}`].map((path) => join(root, path))
  const loader = await firstExisting(
    ['usr/lib64', 'lib64', 'usr/lib', 'lib', `usr/lib/${triplet}`, `lib/${triplet}`].map((path) =>
      join(root, path, loaders[architecture]),
    ),
  )
  const program = await firstExisting(programs[flavour].map((name) => join(root, 'usr/sbin', name)))
  const command = [loader, '--library-path', libraries.join(':'), program]
  const version = new RegExp(`${flavour}-([^/]+)$`).exec(root)?.[1] ?? ''
  return { flavour, version, command, base: join(root, 'usr') }
}

/** @param {string[]} paths */
async function firstExisting(paths) {
  for (const path of paths) if (await exists(path)) return path
  throw new Error(`none of these exists: ${paths.join(', ')}`)
}

/** @param {string} path */
async function isExecutable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
