import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseByteSize } from '../../../src/config/byte-size.ts'
import { parseDuration } from '../../../src/config/duration.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { ConfigurationError } from '../../../src/config/problem.ts'
import { changed, complete, writeConfig } from './write-config.ts'

function caught(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('a configuration', () => {
  it('has every default, durations in milliseconds and sizes in bytes', () => {
    const path = writeConfig(complete)
    const config = loadConfig(path, {})
    expect(config).toMatchObject({
      path,
      directory: dirname(path),
      warehouse: { kind: 'embedded', schema: 'warehouse' },
      deadLetters: { retentionMs: 90 * 86_400_000 },
      views: [],
      report: null,
      asOf: null,
    })
    expect(config.sources).toEqual([
      {
        type: 'mysql',
        audit: null,
        name: 'internal',
        url: 'mysql://reader@db.example:3316/data_engineer',
        tables: [
          { table: 'user', stream: 'internal_user', description: null, schemaChanges: 'evolve' },
          { table: 'user_practice', stream: 'internal_practice', description: null, schemaChanges: 'evolve' },
        ],
        snapshot: { chunkRows: 5000, chunkBytes: 4 * 2 ** 20 },
        zeroDates: 'null',
        tls: null,
      },
      {
        type: 'http',
        name: 'vendor',
        url: 'https://vendor.example/api/v1/users',
        stream: 'vendor_user',
        description: null,
        records: '/users',
        totalPages: '/total_pages',
        totalRecords: null,
        page: { by: 'number', param: 'page', first: 1 },
        maxPages: 1_000_000,
        since: null,
        key: ['id'],
        columns: [
          { name: 'id', type: 'bigint', from: '/id', description: null },
          { name: 'firstname', type: 'text', from: '/firstname', description: null },
          { name: 'lastname', type: 'text', from: '/lastname', description: 'Family name' },
          { name: 'specialty', type: 'text', from: '/specialty', description: null },
          { name: 'place', type: 'text', from: '/practice_location', description: null },
          { name: 'last_active_date', type: 'date', from: '/last_active_date', description: null },
        ],
        schedule: '*/5 * * * *',
        jitterMs: 5_000,
        requestsPerMinute: null,
        maxStalenessMs: null,
        concurrency: 4,
        timeoutMs: 30_000,
        maxBodyBytes: 64 * 2 ** 20,
        retry: { attempts: 6, baseMs: 200, maxMs: 30_000 },
        confirmSweeps: 2,
        maxDeletedShare: 0.2,
        headers: {},
        auth: null,
        userAgent: null,
        proxy: null,
        tls: null,
        redirectHosts: [],
        drift: { missing: 'null', retyped: 'reject', maxShare: 0.2 },
      },
    ])
    expect(config.matches[0]).toMatchObject({
      name: 'user_match',
      left: {
        stream: 'internal_user',
        prefix: 'internal',
        joins: [{ stream: 'internal_practice', column: 'practice_id', joinedColumn: 'id' }],
        fields: {
          first_name: { stream: 'internal_user', column: 'firstname' },
          location: { stream: 'internal_practice', column: 'location' },
        },
      },
      single: ['specialty', 'location'],
      activity: { field: 'last_active_date', days: 30 },
    })
  })

  it('is frozen in all its depth', () => {
    const config = loadConfig(writeConfig(complete), {})
    expect(() => {
      ;(config.sources[0] as { name: string }).name = 'x'
    }).toThrow(TypeError)
    expect(Object.isFrozen(config.matches[0]?.model.compare)).toBe(true)
  })

  it('names its files by absolute paths, those of a pattern in bytewise order', () => {
    const yaml = changed('matches:\n', 'views: views/*.sql\nreport: answers.sql\nmatches:\n')
    const path = writeConfig(yaml, {
      'views/20_b.sql': '',
      'views/10_a.sql': '',
      'views/Z.sql': '',
      'views/notes.md': '',
      'views/.hidden.sql': '',
      'answers.sql': '',
    })
    mkdirSync(join(dirname(path), 'views', 'folder.sql'))
    const { views, report, directory } = loadConfig(path, {})
    expect(views).toEqual(['10_a.sql', '20_b.sql', 'Z.sql'].map((name) => join(directory, 'views', name)))
    expect(report).toBe(join(directory, 'answers.sql'))
  })

  it('resolves the files of TLS and requires them', () => {
    const yaml = changed('    tables:', '    tls: { ca: ca.pem, key: client.key }\n    tables:')
    const path = writeConfig(yaml, { 'ca.pem': '' })
    expect(caught(() => loadConfig(path, {}))).toMatchObject({
      problems: [{ line: 6, column: 29, path: 'sources.internal.tls.key', message: 'there is no such file' }],
    })
    writeFileSync(join(dirname(path), 'client.key'), '')
    expect(loadConfig(path, {}).sources[0]).toMatchObject({
      tls: {
        ca: join(dirname(path), 'ca.pem'),
        cert: null,
        key: join(dirname(path), 'client.key'),
        verify: true,
      },
    })
  })

  it('that is missing says so, with the exit code of a configuration', () => {
    const error = caught(() => loadConfig('nowhere.yaml', {}))
    expect(error).toBeInstanceOf(ConfigurationError)
    expect(error).toMatchObject({
      area: 'configuration',
      code: 'configuration-unreadable',
      message: 'nowhere.yaml:1:1 there is no such file',
    })
  })
})

describe('values', () => {
  it.each([
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['90d', 7_776_000_000],
    ['2 m', 120_000],
    ['30', null],
    ['-1s', null],
    ['1y', null],
    ['', null],
  ])('the duration %j is %j ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each([
    ['64MiB', 67_108_864],
    ['10MB', 10_000_000],
    ['512 kib', 524_288],
    ['1B', 1],
    ['64', null],
    ['9999999999GiB', null],
  ])('the size %j is %j bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes)
  })
})
