import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Rejected } from '../../../src/changes/change-batch.ts'
import { BatchBuilder } from '../../../src/cdc/tail/batch-builder.ts'
import { tries } from '../../support/property.ts'

const word = fc.record({
  kind: fc.constantFrom('upsert', 'delete', 'reject', 'reject', 'truncate', 'commit'),
  stream: fc.constantFrom('s', 't'),
  id: fc.constantFrom('1', '2', '3'),
})

const idOf = ({ stream, key }: Pick<Rejected, 'stream' | 'key'>): string => `${stream} ${key?.[0] ?? ''}`

test('rejected of a batch are those records whose last word it is', () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (words) => {
      const builder = new BatchBuilder()
      const last = new Map<string, boolean>()
      const expectTaken = ({ rejected }: { readonly rejected: readonly Rejected[] }): void => {
        const wanted = [...last].filter(([, isRejected]) => isRejected).map(([id]) => id)
        expect(new Set(rejected.map(idOf))).toEqual(new Set(wanted))
        last.clear()
      }
      for (const { kind, stream, id } of words) {
        const key = [id]
        switch (kind) {
          case 'commit':
            builder.commit(null)
            // What is read of the next transaction stays.
            builder.reject({ stream: 'later', key, code: 'c', reason: 'r', raw: '' })
            expectTaken(builder.takeCommitted())
            last.set(`later ${id}`, true)
            continue
          case 'reject':
            builder.reject({ stream, key, code: 'c', reason: 'r', raw: '' })
            break
          case 'upsert':
            builder.changes.push({ kind, stream, key, row: { id } })
            break
          case 'delete':
            builder.changes.push({ kind, stream, key })
            break
          default:
            builder.changes.push({ kind: 'truncate', stream })
            for (const other of ['1', '2', '3']) last.delete(`${stream} ${other}`)
            continue
        }
        last.set(idOf({ stream, key }), kind === 'reject')
      }
      expectTaken(builder.takeFrom(builder.committed))
    }),
    tries(300),
  )
})
