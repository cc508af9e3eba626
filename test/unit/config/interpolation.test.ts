import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { interpolate } from '../../../src/config/interpolate.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { changed, complete, problemsOf, temporaryFolder, writeConfig } from './write-config.ts'

function secretFile(content: string): string {
  const path = join(temporaryFolder(), 'secret')
  writeFileSync(path, content)
  return path
}

const mysqlUrl = 'mysql://reader@db.example:3316/data_engineer'

describe('references to the environment', () => {
  it('are resolved within a text', () => {
    const { text, secrets } = interpolate('a ${X} b ${Y:-c d} ${X}', { X: '1' })
    expect(text).toBe('a 1 b c d 1')
    expect(secrets).toEqual(['1', '1'])
  })

  it('take the default when the variable is empty, and the empty text without one', () => {
    expect(interpolate('${X:-d}', { X: '' }).text).toBe('d')
    expect(interpolate('${X}', { X: '' }).text).toBe('')
    expect(interpolate('${X:-}', {}).text).toBe('')
  })

  it('are plain text after $$', () => {
    expect(interpolate('$${X} $X', { X: '1' }).text).toBe('${X} $X')
  })

  it('are not looked for in what was put in', () => {
    expect(interpolate('${X}', { X: '${Y}', Y: 'no' }).text).toBe('${Y}')
  })

  it('read the file that X_FILE names when X is not set, without its last newline', () => {
    expect(interpolate('${X}', { X_FILE: secretFile('se\ncret\n') }).text).toBe('se\ncret')
    expect(interpolate('${X}', { X_FILE: secretFile('secret\r\n') }).text).toBe('secret')
    expect(interpolate('${X}', { X: 'set', X_FILE: '/nowhere' }).text).toBe('set')
  })

  it('are percent-encoded inside the user and password of a URL, and nowhere else', () => {
    const environment = { U: 'a@b', P: 'p/w:#é' }
    expect(interpolate('mysql://${U}:${P}@host/${P}', environment).text).toBe(
      'mysql://a%40b:p%2Fw%3A%23%C3%A9@host/p/w:#é',
    )
  })

  it('that are unset stand with their own line and column', () => {
    expect(problemsOf(changed(mysqlUrl, 'mysql://reader:${PASSWORD}@db.example/x'))).toEqual([
      '5:25 sources.internal.url: the environment variable PASSWORD is not set, nor is PASSWORD_FILE',
    ])
  })

  it('whose file cannot be read stand with their line and column', () => {
    expect(problemsOf(changed(mysqlUrl, '${URL}'), { URL_FILE: '/nowhere/at/all' })).toEqual([
      '5:10 sources.internal.url: the file that URL_FILE names cannot be read (ENOENT)',
    ])
  })

  it('that are not well formed are a problem', () => {
    expect(problemsOf(changed('records: /users', 'records: /${1x}'))).toEqual([
      '13:15 sources.vendor.records: is not a reference: write ${NAME} or ${NAME:-default}, or $${ for a plain ${',
    ])
  })

  it('can stand in a flow map, whatever their default holds', () => {
    const path = writeConfig(changed('url: embedded', 'url: ${W:-postgres://a,b@h/d?x=[1]#: }'))
    expect(loadConfig(path, {}).warehouse).toMatchObject({ url: 'postgres://a,b@h/d?x=[1]#: ' })
  })

  it('never become YAML', () => {
    const path = writeConfig(changed('Family name', '${NOTE}'))
    const note = 'x }, evil: { type: text'
    const source = loadConfig(path, { NOTE: note }).sources[1]
    expect(
      source?.type === 'http' && source.columns.find(({ name }) => name === 'lastname')?.description,
    ).toBe(note)
  })

  it('are read as numbers and truth values only where one is wanted', () => {
    const yaml = changed(
      '    key: id',
      '    concurrency: ${N:-7}\n    headers: { x-code: "${N:-007}" }\n    key: id',
    )
    expect(loadConfig(writeConfig(yaml), {}).sources[1]).toMatchObject({
      concurrency: 7,
      headers: { 'x-code': '007' },
    })
    expect(loadConfig(writeConfig(yaml), { N: '12' }).sources[1]).toMatchObject({ concurrency: 12 })
    expect(problemsOf(yaml, { N: 'many' })).toEqual([
      '15:18 sources.vendor.concurrency: must be a number, not text',
    ])
    expect(problemsOf(yaml, { N: '1000' })).toEqual(['15:18 sources.vendor.concurrency: must be at most 64'])
  })
})

describe('precedence', () => {
  it('the environment precedes the file, and an empty variable does not', () => {
    const path = writeConfig(complete)
    expect(loadConfig(path, { WAREHOUSE_URL: 'postgres://h/d' }).warehouse).toEqual({
      kind: 'server',
      url: 'postgres://h/d',
      schema: 'warehouse',
    })
    expect(loadConfig(path, { WAREHOUSE_URL: '' }).warehouse).toEqual({
      kind: 'embedded',
      schema: 'warehouse',
    })
    expect(loadConfig(path, { WAREHOUSE_URL_FILE: secretFile('postgres://f/d\n') }).warehouse).toMatchObject({
      url: 'postgres://f/d',
    })
  })

  it('holds without a section in the file', () => {
    const path = writeConfig(changed('warehouse: { url: embedded, schema: warehouse }\n', ''))
    expect(loadConfig(path, {}).warehouse).toEqual({ kind: 'embedded', schema: 'warehouse' })
    expect(loadConfig(path, { WAREHOUSE_URL: 'postgres://h/d' }).warehouse).toMatchObject({ kind: 'server' })
  })

  it('a flag precedes the environment, which precedes the file', () => {
    const path = writeConfig(`${complete}asOf: 2017-01-01\n`)
    const environment = { SYNCLINE_AS_OF: '2017-01-02' }
    expect(loadConfig(path, {}).asOf).toBe('2017-01-01')
    expect(loadConfig(path, environment).asOf).toBe('2017-01-02')
    expect(loadConfig(path, environment, { asOf: '2017-01-03' }).asOf).toBe('2017-01-03')
  })

  it('a wrong value from outside is a problem that does not repeat it', () => {
    expect(problemsOf(complete, { WAREHOUSE_URL: 'mysql://u:hunter22@h/d' })).toEqual([
      'the environment variable WAREHOUSE_URL (warehouse.url): must be "embedded" or a URL that begins with postgres://',
    ])
  })

  it('a wrong value from outside is blamed on its variable, not on a place in the file', () => {
    expect(problemsOf(`${complete}asOf: 2017-01-01\n`, { SYNCLINE_AS_OF: 'yesterday' })).toEqual([
      'the environment variable SYNCLINE_AS_OF (asOf): must be a date such as 2017-02-02',
    ])
  })
})
