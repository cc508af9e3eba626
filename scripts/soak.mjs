import { join } from 'node:path'
import { build, installPackages, linkEmbeddedPostgres, main, root, runNode } from './setup.mjs'

const usage = `usage: npm run soak -- [SEEDS] [FILE…]

Runs the tests of random operations and random blows with many more seeds than \`npm test\` does: 100 unless told;
201-400 takes those numbers. Each seed runs against both kinds of server, and what was done is printed in the end. FILE
chooses among the files, for instance test/crash/follow.`

const files = [
  'test/crash/follow',
  'test/db/tail-property',
  'test/crash/hostile-api',
  'test/unit/poller/hostile-seeds',
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
  process.env['SOAK_SEEDS'] = seeds
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  return runNode([vitest, 'run', '--root', root, ...(chosen.length > 0 ? chosen : files)])
})
