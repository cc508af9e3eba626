import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where unpacked servers are kept: per user and outside the clone, so that every clone shares them. */
export function cacheDirectory() {
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return process.env['SYNCLINE_CACHE'] || join(base, 'syncline')
}

/**
 * The folder that holds `<name>-<version>`, the newest version if there are several.
 *
 * @param {string} kind `servers` or `node`
 * @param {string} prefix such as `mariadb-10.11`
 * @returns {Promise<string | undefined>}
 */
export async function findCached(kind, prefix) {
  const folder = join(cacheDirectory(), kind)
  const names = await readdir(folder).catch(() => [])
  const newest = names
    .filter((name) => name.startsWith(`${prefix}.`) || name === prefix)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1)
  return newest === undefined ? undefined : join(folder, newest)
}

/**
 * Fills a folder of the cache so that it is there either whole or not at all: what `fill` writes goes into a
 * folder of its own, which then gets its name by one rename. Of two set-ups at once the later gives way.
 *
 * @param {string} kind
 * @param {(folder: string) => Promise<{ name: string, content: string }>} fill gets an empty work folder;
 *   returns the name to keep its subfolder `content` under
 * @returns {Promise<string>}
 */
export async function fillCache(kind, fill) {
  const parent = join(cacheDirectory(), kind)
  await mkdir(parent, { recursive: true })
  await removeAbandoned(parent)
  const work = await mkdtemp(join(parent, '.unpacking-'))
  try {
    const { name, content } = await fill(work)
    const target = join(parent, name)
    try {
      await rename(content, target)
    } catch (error) {
      if (!(await exists(target))) throw error
    }
    return target
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** @param {string} path */
export async function exists(path) {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/**
 * Work folders of set-ups that were killed. An hour is far longer than any set-up that still runs.
 *
 * @param {string} parent
 */
async function removeAbandoned(parent) {
  for (const name of await readdir(parent)) {
    if (!name.startsWith('.unpacking-')) continue
    const path = join(parent, name)
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now())
    if (age > 3_600_000) await rm(path, { recursive: true, force: true })
  }
}
