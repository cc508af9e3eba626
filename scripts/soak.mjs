import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, installPackages, linkEmbeddedPostgres, main, root, runNode } from './setup.mjs'

const usage = `usage: npm run soak -- [SEEDS] [FILE…]

Runs the tests of random operations and random blows with many more seeds than \`npm test\` does: 100 unless told;
201-400 takes those numbers. Each seed runs against both kinds of server. In the end a table of what was done is
printed, and its sums as one line of JSON: all seeds should have ended equal, with no differences. FILE chooses among
the files, for instance test/crash/follow.`

const files = [
  'test/crash/follow',
  'test/crash/live-match',
  'test/crash/match-versions',
  'test/db/match-random',
  'test/db/tail-property',
  'test/crash/hostile-api',
  'test/crash/hostile-lists',
  'test/unit/poller/hostile-seeds',
  'test/unit/poller/hostile-lists',
]

await main(async () => {
  const [seeds = '100', ...chosen] = process.argv.slice(2)
  if (!/^([1-9]\d*-)?[1-9]\d*$/.test(seeds)) {
    console.error(usage)
    return 64
  }
  await installPackages()
  await linkEmbeddedPostgres()
  await build()
  const folder = await mkdtemp(join(tmpdir(), 'syncline-soak-'))
  try {
    const figures = join(folder, 'figures')
    process.env['SOAK_SEEDS'] = seeds
    process.env['SOAK_FIGURES'] = figures
    const began = Date.now()
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const code = await runNode([vitest, 'run', '--root', root, ...(chosen.length > 0 ? chosen : files)])
    const hours = Math.round((Date.now() - began) / 3_600) / 1_000
    report(await readFigures(figures), { passed: code === 0, hours })
    return code
  } finally {
    await rm(folder, { recursive: true })
  }
})

/** @typedef {{ readonly title: string, readonly counts: Readonly<Record<string, number>> }} Figures */

/**
 * One line for each test that counts.
 *
 * @param {string} file
 * @returns {Promise<Figures[]>}
 */
async function readFigures(file) {
  const text = await readFile(file, 'utf8').catch(() => '')
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => {
    /** @type {unknown} */
    const figures = JSON.parse(line)
    return /** @type {Figures} */ (figures)
  })
}

/**
 * @param {readonly Figures[]} lines
 * @param {{ passed: boolean, hours: number }} run
 */
function report(lines, run) {
  /** @type {Record<string, number>} */
  const sums = {}
  for (const { counts } of lines) {
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count
  }
  console.table(Object.fromEntries(lines.map(({ title, counts }) => [title, counts])))
  console.log(JSON.stringify({ ...run, ...sums }))
}
