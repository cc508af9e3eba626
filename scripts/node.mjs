import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fillCache, findCached } from './servers/server-cache.mjs'
import { withRetries } from './servers/run-command.mjs'
import { announce, main, npm, readJson, runNode } from './setup.mjs'

/*
 * node scripts/node.mjs MAJOR FILE …: runs a file on another version of Node. The npm registry has it as a
 * package for each platform, whose binary needs no installation.
 */

await main(async () => {
  const [major = '', ...args] = process.argv.slice(2)
  if (!/^\d+$/.test(major) || args.length === 0) {
    console.error('usage: node scripts/node.mjs MAJOR FILE [ARGUMENT…]')
    return 64
  }
  const folder = (await findCached('node', `node-${major}`)) ?? (await fetchNode(major))
  return runNode(args, join(folder, 'bin', 'node'))
})

/** @param {string} major */
async function fetchNode(major) {
  const name = `node-${process.platform}-${process.arch}`
  announce(`fetching Node ${major}`)
  return fillCache('node', async (work) => {
    await mkdir(join(work, 'node_modules'))
    const install = ['install', '--prefix', work, '--no-save', '--ignore-scripts', `${name}@${major}`]
    await withRetries(() => npm(install, work))
    const content = join(work, 'node_modules', name)
    const { version } = /** @type {{ version: string }} */ (await readJson(join(content, 'package.json')))
    return { name: `node-${version}`, content }
  })
}
