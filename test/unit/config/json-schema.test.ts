import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { configJsonSchema } from '../../../src/config/json-schema.ts'
import { loadSettings } from '../../../src/config/load.ts'
import { shownSettings } from '../../../src/config/secrets.ts'
import { packageFile } from '../../../src/runtime/package-file.ts'
import { changed, complete, writeConfig } from './write-config.ts'

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, formats: { date: /^\d{4}-\d\d-\d\d$/ } })
const validate = ajv.compile(configJsonSchema())

function errorsOf(yaml: string): string[] {
  validate(parse(yaml))
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`)
}

describe('the JSON Schema', () => {
  it('accepts a complete configuration, and references where numbers and names stand', () => {
    expect(errorsOf(complete)).toEqual([])
    const yaml = changed('    key: id', '    concurrency: "${N:-4}"\n    timeout: "${T}"\n    key: id')
    expect(errorsOf(yaml.replace('as: vendor_user', 'as: "${STREAM}"'))).toEqual([])
  })

  it('accepts what config show prints', () => {
    expect(errorsOf(stringify(shownSettings(loadSettings(writeConfig(complete), {}))))).toEqual([])
  })

  it('accepts short and long forms of passes and comparisons', () => {
    const model =
      '    block: [[last_name], { key: [first_name], unordered: false }]\n' +
      '    compare: { first_name: given-name, last_name: { kind: surname, similarity: 0.9 } }\n    single'
    expect(errorsOf(changed('    single', model))).toEqual([])
  })

  it.each([
    ['an unknown key', changed('    tables:', '    tabels:')],
    ['a wrong type', changed('    key: id', '    key: 5')],
    ['a wrong word', changed('type: http', 'type: htpp')],
    ['a missing setting', changed('    records: /users\n', '')],
    ['a number out of bounds', changed('    key: id', '    concurrency: 0\n    key: id')],
  ])('rejects %s', (_what, yaml) => {
    expect(errorsOf(yaml)).not.toEqual([])
  })

  it('describes every setting', () => {
    const silent: string[] = []
    const visit = (path: string, schema: Record<string, unknown>): void => {
      for (const [name, property] of Object.entries(
        (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        const isObvious = name === 'type' || name === 'kind' || name === 'levels'
        if (property['description'] === undefined && !isObvious) silent.push(`${path}.${name}`)
        visit(`${path}.${name}`, property)
      }
      for (const part of ['anyOf', 'oneOf', 'additionalProperties', 'items'].flatMap(
        (key) => schema[key] ?? [],
      )) {
        if (typeof part === 'object') visit(`${path}.*`, part as Record<string, unknown>)
      }
    }
    visit('', configJsonSchema())
    expect(silent).toEqual([])
  })

  const example = packageFile('examples', 'vendor-match', 'syncline.yaml')
  it('accepts the example', () => {
    expect(errorsOf(readFileSync(example, 'utf8'))).toEqual([])
  })
})
