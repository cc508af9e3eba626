import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { packageFile } from '../../../src/runtime/package-file.ts'

const run = promisify(execFile)
const unit = packageFile('deploy', 'systemd', 'syncline.service')

function hasSystemd(): boolean {
  try {
    execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

// Where systemd is not installed there is nothing to ask.
describe.skipIf(!hasSystemd())('the systemd unit', () => {
  it('is found to be without a fault by systemd-analyze verify', async () => {
    const { stdout, stderr } = await run('systemd-analyze', ['verify', unit])
    // Also warns of units of the machine that have nothing to do with ours.
    expect((stdout + stderr).split('\n').filter((line) => line.includes('syncline'))).toEqual([])
  })
})
