import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { loadConfig, loadSettings } from '../../../src/config/load.ts'
import { ConfigurationError } from '../../../src/config/problem.ts'
import { shownSettings } from '../../../src/config/secrets.ts'
import { changed, complete, writeConfig } from './write-config.ts'

const withSecrets = changed('mysql://reader@db.example:3316/data_engineer', '${MYSQL}')
  .replace('https://vendor.example/api/v1/users', 'https://api:${PASSWORD}@vendor.example/users')
  .replace('    key: id', '    headers: { authorization: "Bearer ${TOKEN}", x-team: ${TEAM} }\n    key: id')
const path = writeConfig(withSecrets)
const secret = fc.string({ minLength: 8, unit: 'binary' }).filter((text) => !withSecrets.includes(text))

function environmentOf(text: string): Record<string, string> {
  const mysql = `mysql://root:${encodeURIComponent(text)}@db/x`
  return {
    MYSQL: mysql,
    PASSWORD: text,
    TOKEN: text.replace(/[\r\n\0]/g, '-'),
    TEAM: text.replace(/[\r\n\0]/g, '-'),
  }
}

describe('a secret', () => {
  it('is never shown, in no spelling', () => {
    fc.assert(
      fc.property(secret, (text) => {
        const loaded = loadSettings(path, environmentOf(text.toWellFormed()))
        const shown = stringify(shownSettings(loaded)) + JSON.stringify(shownSettings(loaded))
        expect(shown).not.toContain(text)
        expect(shown).not.toContain(JSON.stringify(text).slice(1, -1))
        expect(shown).not.toContain(encodeURIComponent(text.toWellFormed()))
      }),
    )
  })

  it('is taken out of any text, in every spelling', () => {
    fc.assert(
      fc.property(secret, fc.string(), (raw, around) => {
        const text = raw.toWellFormed()
        fc.pre(!around.includes(text))
        const { redact } = loadConfig(path, environmentOf(text))
        for (const spelling of [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)]) {
          expect(redact(`${around} ${spelling} ${around}`)).not.toContain(spelling)
        }
      }),
    )
  })

  it('is in no problem, wherever the variable that holds it stands', () => {
    const values = withSecrets.match(/(?<=: )[^\s{}[\],"$]+(?=$|[,}])/gm) ?? []
    expect(values.length).toBeGreaterThan(20)
    fc.assert(
      fc.property(secret, fc.constantFrom(...new Set(values)), (text, value) => {
        const broken = withSecrets.replace(`: ${value}`, ': ${SECRET}').replace('tables:', 'tabels:')
        try {
          loadConfig(writeConfig(broken), { ...environmentOf(text.toWellFormed()), SECRET: text })
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError)
          expect(JSON.stringify(error) + String(error)).not.toContain(text)
          return
        }
        throw new Error('an unknown key was accepted')
      }),
      { numRuns: 60 },
    )
  })
})

describe('what is shown', () => {
  const environment = {
    MYSQL: 'mysql://root:hunter22@db/x',
    PASSWORD: 'hunter22',
    TOKEN: 'hunter22',
    TEAM: 'blue',
  }

  it('has references where the environment was used, and masks elsewhere', () => {
    expect(shownSettings(loadSettings(path, environment))).toMatchObject({
      sources: {
        internal: { url: '${MYSQL}' },
        vendor: {
          url: 'https://***@vendor.example/users',
          headers: { authorization: 'Bearer ${TOKEN}', 'x-team': '${TEAM}' },
        },
      },
    })
    const literal = changed('reader@', 'reader:hunter22@').replace(
      'https://vendor.example/api/v1/users',
      'https://vendor.example/users?region=eu&api_key=hunter22',
    )
    const withHeaders = literal.replace(
      '    key: id',
      '    headers: { accept: text/json, x-auth: hunter22 }\n    key: id',
    )
    const loaded = loadSettings(writeConfig(withHeaders), {})
    expect(shownSettings(loaded)).toMatchObject({
      sources: {
        internal: { url: 'mysql://***@db.example:3316/data_engineer' },
        vendor: {
          url: 'https://vendor.example/users?region=eu&api_key=***',
          headers: { accept: 'text/json', 'x-auth': '***' },
        },
      },
    })
    expect(loaded.config.redact('access denied: hunter22')).toBe('access denied: ***')
  })

  it('has WAREHOUSE_URL as a reference', () => {
    const loaded = loadSettings(writeConfig(complete), { WAREHOUSE_URL: 'postgres://me:hunter22@h/d' })
    expect(shownSettings(loaded)).toMatchObject({ warehouse: { url: '${WAREHOUSE_URL}' } })
    expect(loaded.config.redact('cannot connect to postgres://me:hunter22@h/d')).not.toContain('hunter22')
  })

  it('is a configuration that means the same', () => {
    const first = loadSettings(path, environment)
    const second = loadSettings(
      writeConfig(stringify(shownSettings(first)).replace('***@', 'api:hunter22@')),
      environment,
    )
    const plain = ({ config }: typeof first): unknown =>
      JSON.parse(JSON.stringify({ ...config, path: '', directory: '' }))
    expect(plain(second)).toEqual(plain(first))
  })

  it('leaves names that every log line holds', () => {
    const yaml = changed('schema: warehouse', 'schema: ${SCHEMA}')
    const { redact } = loadConfig(writeConfig(yaml), { SCHEMA: 'analytics_prod' })
    expect(redact('analytics_prod.user_match is filled')).toBe('analytics_prod.user_match is filled')
  })
})
