import { describe, expect, it } from 'vitest'
import type { Defect } from '../../src/changes/source.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { checkSources } from '../../src/wiring.ts'
import { scriptedSource } from '../support/scripted-source.ts'

const defect = (message: string): Defect => ({ severity: 'warning', code: 'odd', message, cure: 'mend it' })

describe('a warning of a source', () => {
  it('names the source once, in the log and in the report', async () => {
    const lines: unknown[] = []
    const log = createLogger('warn', { write: (line) => lines.push(JSON.parse(line)) })
    const defects = [defect('source vendor: page 1 is odd'), defect('the log is kept for an hour')]
    const source = { ...scriptedSource('vendor', ['s'], []), preflight: () => Promise.resolve(defects) }
    const warnings = await checkSources([{ source }], { log, signal: new AbortController().signal })
    expect(warnings).toEqual([
      'source vendor: page 1 is odd (mend it)',
      'source vendor: the log is kept for an hour (mend it)',
    ])
    expect(lines).toMatchObject([
      { msg: 'source vendor: page 1 is odd', cure: 'mend it' },
      { msg: 'the log is kept for an hour', source: 'vendor', cure: 'mend it' },
    ])
  })
})
