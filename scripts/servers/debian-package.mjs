import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, withRetries } from './run-command.mjs'

/**
 * Downloads a Debian package with everything it needs, down to the C library, and unpacks it into a folder.
 * It needs no root and leaves the machine's own package state alone: apt works on private folders, with a
 * copy of the machine's own Debian source in which only the suite is replaced. Taking the C library along
 * lets a server of any suite run on any Debian: it is started through its own loader.
 *
 * @param {{ name: string, suite: string, work: string, root: string }} request
 * @returns {Promise<string>} the version that was unpacked
 */
export async function unpackDebianPackage({ name, suite, work, root }) {
  const apt = await privateApt(work, suite)
  await withRetries(() => apt(['update']))
  await withRetries(() => apt(['install', '--download-only', '--yes', '--no-install-recommends', name]))
  const archives = join(work, 'cache', 'archives')
  const files = (await readdir(archives)).filter((file) => file.endsWith('.deb'))
  await mkdir(root, { recursive: true })
  for (const file of files) {
    // The server packages name Perl for their shell tools; the server itself needs none of it.
    if (!/^(lib)?perl/.test(file)) await runCommand('dpkg-deb', ['-x', join(archives, file), root])
  }
  const main = files.find((file) => file.startsWith(`${name}_`))
  if (main === undefined) throw new Error(`apt downloaded no ${name}`)
  return (await runCommand('dpkg-deb', ['-f', join(archives, main), 'Version'])).trim()
}

/**
 * @param {string} work
 * @param {string} suite
 * @returns {Promise<(args: string[]) => Promise<string>>}
 */
async function privateApt(work, suite) {
  const source = await debianSource(suite)
  const list = join(work, source.deb822 ? 'debian.sources' : 'debian.list')
  await writeFile(list, source.text)
  await mkdir(join(work, 'lists', 'partial'), { recursive: true })
  await mkdir(join(work, 'cache', 'archives', 'partial'), { recursive: true })
  const options = {
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': '-',
    // A pin of the machine's own would speak about other suites.
    'Dir::Etc::preferences': '-',
    'Dir::Etc::preferencesparts': '-',
    'Dir::State': work,
    'Dir::State::Lists': join(work, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(work, 'cache'),
    'Dir::Log': work,
    'APT::Sandbox::User': '',
    'APT::Get::List-Cleanup': 'false',
    'Debug::NoLocking': 'true',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    // Not the catalogue of desktop programs, which is half of what an update would fetch.
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
  }
  const flags = Object.entries(options).map(([key, value]) => `-o${key}=${value}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }
  return (args) => runCommand('apt-get', [...flags, ...args], { env })
}

/**
 * The machine's own Debian source with another suite.
 *
 * @param {string} suite
 * @returns {Promise<{ text: string, deb822: boolean }>}
 */
async function debianSource(suite) {
  const parts = '/etc/apt/sources.list.d'
  const names = await readdir(parts).catch(() => [])
  const files = ['/etc/apt/sources.list', ...names.sort().map((name) => join(parts, name))]
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (file.endsWith('.sources')) {
      const found = sourceFromDeb822(text, suite)
      if (found !== undefined) return { text: found, deb822: true }
    } else if (file.endsWith('.list')) {
      const found = sourceFromList(text, suite)
      if (found !== undefined) return { text: found, deb822: false }
    }
  }
  throw new Error('apt has no Debian source on this machine')
}

/** Of the suites of a Debian archive those that are whole: no `-updates`, `-security` or foreign archive. */
const wholeSuite = /^(buster|bullseye|bookworm|trixie|forky|duke|sid|(old)*stable|testing|unstable)$/

/**
 * @param {string} text the content of a `.sources` file
 * @param {string} suite
 * @returns {string | undefined}
 */
export function sourceFromDeb822(text, suite) {
  for (const stanza of text.split(/\n\s*\n/)) {
    const lines = stanza.split('\n').filter((line) => !line.startsWith('#') && line.trim() !== '')
    const field = (/** @type {string} */ name) =>
      lines
        .find((line) => line.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim()
    const isBinary = (field('types') ?? '').split(/\s+/).includes('deb')
    const isWhole = (field('suites') ?? '').split(/\s+/).some((name) => wholeSuite.test(name))
    if (!isBinary || !isWhole || field('enabled')?.toLowerCase() === 'no') continue
    /** @type {Record<string, string>} */
    const replaced = { types: 'deb', suites: suite, components: 'main' }
    return `${lines
      .map((line) => {
        const value = replaced[(line.split(':')[0] ?? '').toLowerCase()]
        return value === undefined ? line : `${line.split(':')[0] ?? ''}: ${value}`
      })
      .join('\n')}\n`
  }
  return undefined
}

/**
 * @param {string} text the content of a `.list` file
 * @param {string} suite
 * @returns {string | undefined}
 */
export function sourceFromList(text, suite) {
  for (const line of text.split('\n')) {
    const match = /^deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+/.exec(line)
    if (match === null || !wholeSuite.test(match[3] ?? '')) continue
    return `deb ${match[1] ?? ''}${match[2] ?? ''} ${suite} main\n`
  }
  return undefined
}
