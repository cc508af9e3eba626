import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { runCli } from '../../../src/cli/run-cli.ts'
import { exitCodes } from '../../../src/runtime/exit-codes.ts'
import { packageFile } from '../../../src/runtime/package-file.ts'

async function run(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', '']
  const code = await runCli({
    arguments: words,
    environment: {},
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    signals: process,
    abort: () => undefined,
    now: () => 0,
  })
  return { code, stdout, stderr }
}

it.each([
  ['nonsense', '--help'],
  ['-c', 'x.yaml', 'nonsense', '-h'],
  ['config', 'nonsense', '--help'],
])('help on a command that is none is a usage error: %s %s', async (...words) => {
  const { code, stdout, stderr } = await run(...words)
  expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: '' })
  expect(stderr).toContain("unknown command 'nonsense'")
})

it('the help tells every exit code, and the short form of a run', async () => {
  const { code, stdout } = await run('--help')
  expect(code).toBe(exitCodes.ok)
  expect(stdout).toContain('`syncline --snapshot` is `syncline run --snapshot`')
  for (const exitCode of Object.values(exitCodes)) {
    expect(stdout).toMatch(new RegExp(`^  ([0-9]+, )*${exitCode}\\b`, 'm'))
  }
  expect((await run('config', '--help')).code).toBe(exitCodes.ok)
})

it('nothing tells to run a command that does not exist', () => {
  const example = readFileSync(packageFile('examples', 'vendor-match', 'syncline.yaml'), 'utf8')
  expect(example).not.toContain('syncline doctor')
})
