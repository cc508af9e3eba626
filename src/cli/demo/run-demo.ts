import type { SnapshotReport } from '../../daemon.ts'
import { OperatorError } from '../../runtime/errors.ts'
import type { DemoOptions } from '../demo-options.ts'

export function runDemo(options: DemoOptions): Promise<SnapshotReport> {
  options.signal.throwIfAborted()
  return Promise.reject(
    new OperatorError({
      area: 'usage',
      code: 'demo-missing',
      message: 'the demo is not part of this build',
      hint: 'install a released version',
    }),
  )
}
