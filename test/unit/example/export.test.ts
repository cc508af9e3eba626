import { describe, expect, it } from 'vitest'
import { csvLines, jsonLines, sqlLines } from '../../../examples/vendor-match/export.ts'
import { generate } from '../../../examples/vendor-match/generate.ts'

describe('files of generated data', () => {
  it('as CSV tell a missing value from an empty one and quote what needs it', () => {
    const rows = [
      { id: 1, name: 'Smith, MD', noise: ['moved', 'nickname'], other: null },
      { id: 2, name: 'the "Rock"', noise: [], other: true },
    ]
    expect([...csvLines(rows)].join('')).toBe(
      'id,name,noise,other\n1,"Smith, MD",moved nickname,\n2,"the ""Rock""","",true\n',
    )
  })

  it('as JSON Lines have all users in the order of the API, a few pieces at a time', () => {
    const data = generate({ internal: 3_000, vendor: 2_000 })
    const pieces = [...jsonLines(data.vendorUsers())]
    expect(pieces.length).toBeGreaterThan(1)
    const lines = pieces.join('').trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(data.vendorUsers().slice(0, 2_000))
  })

  it('as SQL escape every value', () => {
    const data = generate({ internal: 3_000, vendor: 0 })
    const sql = [...sqlLines({ statements: ['create table user (id int)'], data })].join('')
    expect(sql).toContain("'O\\'Brien'")
    expect(sql.match(/insert into `user` /g)).toHaveLength(3)
    expect(sql.match(/insert into `user_practice` /g)).toHaveLength(1)
  })
})
