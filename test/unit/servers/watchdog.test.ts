import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it, vi } from 'vitest'
import { packageFile } from '../../../src/runtime/package-file.ts'

it('a folder without a server yet goes with the process that made it, also when that is killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-watchdog-'))
  const watchdog = pathToFileURL(packageFile('scripts/servers/watchdog.mjs')).href
  const program = `import { endWithThisProcess } from ${JSON.stringify(watchdog)}
    endWithThisProcess(undefined, ${JSON.stringify(folder)})
    console.log('watched')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await vi.waitFor(
    () => {
      expect(existsSync(folder)).toBe(false)
    },
    { timeout: 20_000 },
  )
})

it.each([
  ['SIGINT', 7],
  ['SIGHUP', 7],
] as const)('a program that runs in our place gets %s', async (signal, code) => {
  const setup = pathToFileURL(packageFile('scripts/setup.mjs')).href
  const inner = `process.on('${signal}', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000)`
  const outer = `import { runNode } from ${JSON.stringify(setup)}
    process.exit(await runNode(['-e', ${JSON.stringify(inner)}]))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', outer], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill(signal)
  const [exitCode] = (await once(child, 'exit')) as [number | null]
  expect(exitCode).toBe(code)
})
