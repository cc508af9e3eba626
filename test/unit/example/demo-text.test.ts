import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../examples/vendor-match/evaluate.ts'
import { accuracyLines } from '../../../src/cli/demo/demo-text.ts'
import { keptLines, type KeptWarehouse } from '../../../src/cli/kept-warehouse.ts'

const kept: KeptWarehouse = {
  host: '127.0.0.1',
  port: 5499,
  user: 'syncline',
  database: 'warehouse',
  schema: 'warehouse',
  passwordFile: '/tmp/demo/password',
  pid: 42,
}

describe('what the demo says', () => {
  it('names the shares it does not know', () => {
    const nothing = evaluate({ matches: [], truth: { internal: [], vendor: [] } })
    expect(accuracyLines(nothing)[2]).toBe(
      '  0 of 0 matched rightly, 0 wrongly; precision unknown, recall unknown, F1 unknown - everybody',
    )
  })

  it('lets psql read the password from its file and never shows it', () => {
    const lines = keptLines({ ...kept, throwawayFolder: '/tmp/demo' })
    expect(lines[1]).toContain('psql -h 127.0.0.1 -p 5499 -U syncline -d warehouse')
    expect(lines[1]).toContain('PGPASSWORD="$(cat /tmp/demo/password)"')
    expect(lines[3]).toContain('kill -INT 42;')
    expect(lines[3]).toContain('rm -rf /tmp/demo')
    expect(keptLines(kept).join('\n')).not.toContain('rm -rf')
  })

  it('quotes folders for the shell', () => {
    const folder = "/tmp/Anna's files/$HOME"
    const [, , , remove = ''] = keptLines({ ...kept, throwawayFolder: folder })
    const quoted = remove.slice(remove.indexOf('rm -rf ') + 'rm -rf '.length)
    expect(execFileSync('/bin/sh', ['-c', `printf %s ${quoted}`], { encoding: 'utf8' })).toBe(folder)
  })
})
