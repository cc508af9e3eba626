import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readTruth, type TruthRow } from '../../../src/match/truth.ts'
import { OperatorError } from '../../../src/runtime/errors.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncline-truth-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

async function read(content: string): Promise<TruthRow[]> {
  const file = join(folder, 'truth.csv')
  writeFileSync(file, content)
  const rows: TruthRow[] = []
  for await (const piece of readTruth(file)) rows.push(...piece)
  return rows
}

describe('a truth file', () => {
  it('says who is one person, who has no counterpart, and who cannot be told apart', async () => {
    expect(await read('left_id,right_id,decidable\n1,11,true\n2,,f\n,12,1\n3,13,FALSE\n')).toEqual([
      { left: '1', right: '11', decidable: true },
      { left: '2', right: null, decidable: false },
      { left: null, right: '12', decidable: true },
      { left: '3', right: '13', decidable: false },
    ])
  })

  it('may leave out what is decidable, have its columns in any order, others beside them, and end anyhow', async () => {
    expect(await read('\ufeffnote,right_id,left_id\r\nx,11,1\r\n\r\ny,12,2')).toEqual([
      { left: '1', right: '11', decidable: true },
      { left: '2', right: '12', decidable: true },
    ])
  })

  it('quotes ids of several columns as CSV does', async () => {
    const [row] = await read('left_id,right_id\n"[""a"", ""b,c""]",""\n')
    expect(row).toEqual({ left: '["a", "b,c"]', right: '', decidable: true })
  })

  it('comes in pieces however long it is', async () => {
    const file = join(folder, 'long.csv')
    writeFileSync(
      file,
      `left_id,right_id\n${Array.from({ length: 25_000 }, (_, i) => `${i},${i}`).join('\n')}`,
    )
    const sizes: number[] = []
    for await (const piece of readTruth(file)) sizes.push(piece.length)
    expect(sizes).toEqual([10_000, 10_000, 5_000])
  })

  it.each([
    ['', 'is empty'],
    ['a,b\n1,2\n', 'truth.csv:1: the header must name left_id and right_id'],
    ['left_id,right_id\n1,2\n1\n', 'truth.csv:3: 1 fields, the header has 2'],
    ['left_id,right_id\n,\n', 'truth.csv:2: neither left_id nor right_id'],
    ['left_id,right_id,decidable\n1,2,maybe\n', 'truth.csv:2: decidable is neither true nor false'],
    ['left_id,right_id\n"1,2\n', 'truth.csv:2: a quote is not closed'],
  ])('that is wrong is refused with its line: %j', async (content, message) => {
    const error: unknown = await read(content).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OperatorError)
    expect((error as OperatorError).message).toContain(message)
    expect((error as OperatorError).code).toBe('truth-invalid')
  })

  it('that is not there is refused', async () => {
    const reading = readTruth(join(folder, 'none.csv')).next()
    await expect(reading).rejects.toMatchObject({ code: 'truth-invalid', area: 'usage' })
  })
})
