import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { Mirror } from '../../support/mirror.ts'
import { sweepInto, vendorRow, vendorSource, vendorUser, vendorUsers } from '../../support/vendor-source.ts'

let simulator: VendorSimulator

beforeEach(async () => {
  simulator = await startVendorSimulator({ users: vendorUsers(42), pageSize: 10 })
})

afterEach(async () => {
  await simulator.close()
})

describe('a hostile record is rejected with its reason and the rest of its page is kept', () => {
  const records: [name: string, raw: string, code: string, reason: string][] = [
    ['without an id', '{"firstname":"Misty"}', 'missing-key', 'id is missing, expected bigint'],
    ['with a null id', '{"id":null}', 'missing-key', 'id is null, expected bigint'],
    [
      'with a word for an id',
      '{"id":"abc"}',
      'wrong-type',
      'id: "abc" is not a whole number (expected bigint)',
    ],
    ['with an id out of range', '{"id":9223372036854775808}', 'wrong-type', 'is out of the range of bigint'],
    ['with a broken id', '{"id":1.5}', 'wrong-type', 'id: the number 1.5 is not a whole number'],
    [
      'with a number for a name',
      '{"id":900,"firstname":42}',
      'wrong-type',
      'firstname is the number 42, expected text',
    ],
    [
      'with an object for a name',
      '{"id":900,"firstname":{}}',
      'wrong-type',
      'firstname is {}, expected text',
    ],
    [
      'with a boolean for a date',
      '{"id":900,"last_active_date":true}',
      'wrong-type',
      'the boolean true, expected date',
    ],
    ['with a zero date', '{"id":900,"last_active_date":"0000-00-00"}', 'wrong-type', 'the year 0'],
    ['with U+0000', '{"id":900,"firstname":"a\\u0000b"}', 'wrong-type', 'contains U+0000'],
    [
      'with half a surrogate pair',
      '{"id":900,"firstname":"\\ud800"}',
      'wrong-type',
      'half of a surrogate pair',
    ],
    ['that is null', 'null', 'not-a-record', 'the record is null, expected an object'],
    ['that is an array', '[{"id":900}]', 'not-a-record', 'the record is an array'],
  ]

  test.each(records)('%s', async (_, raw, code, reason) => {
    simulator.insert(raw, 15)
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator))
    expect(mirror.rejected).toHaveLength(1)
    expect(mirror.rejected[0]).toMatchObject({ stream: 'vendor_user', code, raw })
    expect(mirror.rejected[0]?.key).toEqual(raw.includes('"id":900,') ? ['900'] : null)
    expect(mirror.rejected[0]?.reason).toContain(reason)
    expect(mirror.rows('vendor_user')).toHaveLength(42)
  })

  test('that is no UTF-8, and only that one', async () => {
    const page = (name: Buffer): Buffer =>
      Buffer.concat([
        Buffer.from('{"total_pages":1,"users":[{"id":1,"firstname":"Zoë [\\"{"},{"id":2,"firstname":"'),
        name,
        Buffer.from('"},{"id":3,"firstname":"Ünal"}]}'),
      ])
    simulator.faults.add({ kind: 'body', body: page(Buffer.from([0x4a, 0xfc, 0x72])), pages: [1] })
    simulator.faults.add({ kind: 'empty' })
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator, { totalPages: null }))
    expect(mirror.rows('vendor_user').map((row) => row['firstname'])).toEqual(['Zoë ["{', 'Ünal'])
    expect(mirror.rejected).toMatchObject([
      { code: 'invalid-utf8', key: ['2'], raw: '{"id":2,"firstname":"J\\xfcr"}' },
    ])
  })

  test('once, as long as it stays the same', async () => {
    simulator.insert('{"firstname":"Misty"}', 15)
    simulator.insert('{"id":900,"firstname":42}', 16)
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator))
    simulator.update(14, { lastname: 'Lean' })
    simulator.insert(vendorUser(700), 0)
    await sweepInto(mirror, vendorSource(simulator))
    expect(mirror.rejected).toHaveLength(2)
  })

  test('and what it was before stays as it was', async () => {
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator))
    simulator.remove(20)
    simulator.insert('{"id":20,"firstname":42}', 19)
    for (let run = 0; run < 3; run++) await sweepInto(mirror, vendorSource(simulator))
    expect(mirror.rejected).toMatchObject([{ key: ['20'], raw: '{"id":20,"firstname":42}' }])
    expect(mirror.rows('vendor_user')).toContainEqual(vendorRow(vendorUser(20)))
  })

  test('but never deleted when it became nameless', async () => {
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator))
    simulator.remove(20)
    simulator.insert('{"firstname":"Melanie","lastname":"Baughman 20"}', 19)
    for (let run = 0; run < 4; run++) await sweepInto(mirror, vendorSource(simulator))
    expect(mirror.rejected).toHaveLength(1)
    expect(mirror.rows('vendor_user')).toContainEqual(vendorRow(vendorUser(20)))
  })
})

describe('unusual but right', () => {
  test('an empty API is empty', async () => {
    simulator.setUsers([])
    const mirror = new Mirror()
    expect(await sweepInto(mirror, vendorSource(simulator))).toMatchObject({ upserts: 0, batches: 2 })
    expect(mirror.columns('vendor_user')).toHaveLength(7)
    expect(simulator.requests).toEqual(['1'])
  })

  test('names of 10,000 characters are taken in', async () => {
    const lastname = 'ü'.repeat(10_000)
    simulator.update(7, { lastname })
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator))
    expect(mirror.rows('vendor_user')).toContainEqual(vendorRow(vendorUser(7, { lastname })))
  })

  test('ids beyond 2^53 keep all their digits', async () => {
    simulator.insert('{"id":9007199254740993}')
    simulator.insert('{"id":"9223372036854775807"}')
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator))
    expect(mirror.rows('vendor_user').map((row) => row['id'])).toEqual(
      expect.arrayContaining(['9007199254740993', '9223372036854775807']),
    )
  })
})
