import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, installPackages, linkEmbeddedPostgres, main, readJson, root, runNode } from './setup.mjs'

/** @typedef {{ status: string, assertionResults: { status: string }[] }} FileResult */

await main(async () => {
  const args = process.argv.slice(2)
  await installPackages()
  await linkEmbeddedPostgres()
  // The other suites run the compiled program, and fetch their servers when they start them.
  if (!isUnitOnly(args)) await build()
  const folder = await mkdtemp(join(tmpdir(), 'syncline-test-'))
  try {
    const report = join(folder, 'report.json')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const code = await runNode([vitest, 'run', '--root', root, ...reporters, ...args])
    await printCounts(report)
    return code
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** @param {readonly string[]} args */
function isUnitOnly(args) {
  const paths = args.filter((arg) => !arg.startsWith('-'))
  const projects = args.filter((arg) => arg.startsWith('--project='))
  if (projects.length > 0) return projects.every((arg) => arg === '--project=unit')
  return paths.length > 0 && paths.every((path) => /^(\.\/)?test\/unit(\/|$)/.test(path))
}

/**
 * The last line of the output, for whoever reads only that. Without a report vitest itself has failed, and
 * there is nothing to count.
 *
 * @param {string} report
 */
async function printCounts(report) {
  const content = await readJson(report).catch(() => undefined)
  if (content === undefined) return
  const { testResults } = /** @type {{ testResults: FileResult[] }} */ (content)
  let passed = 0
  let failed = 0
  let skipped = 0
  for (const { status, assertionResults } of testResults) {
    const failures = assertionResults.filter((result) => result.status === 'failed').length
    passed += assertionResults.filter((result) => result.status === 'passed').length
    skipped += assertionResults.filter((result) =>
      /^(skipped|pending|todo|disabled)$/.test(result.status),
    ).length
    // A file that cannot be loaded, or whose set-up fails, has no failed test to show for it.
    failed += failures === 0 && status === 'failed' ? 1 : failures
  }
  console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`)
}
