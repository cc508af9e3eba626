import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { planModel } from '../../../src/match/compile.ts'
import { allowShortForms, modelDefinition, peopleModel } from '../../../src/match/definition.ts'
import { compileModel } from '../../../src/match/model.ts'

const fields = ['first_name', 'last_name', 'location', 'specialty']

function paths(input: unknown): string[] {
  const result = modelDefinition.safeParse(input)
  return result.success ? [] : result.error.issues.map(({ path }) => path.join('.'))
}

describe('the definition of a model', () => {
  it('is the shipped model when nothing is said', () => {
    expect(modelDefinition.parse({})).toEqual(peopleModel)
    expect(compileModel(peopleModel, fields).threshold).toBe(1700)
  })

  it('takes the short forms', () => {
    const { block, compare } = modelDefinition.parse({
      block: [['last_name', 'first_name.initial']],
      compare: { first_name: 'given-name', last_name: { kind: 'surname', levels: { exact: { m: 0.8 } } } },
    })
    expect(block[0]).toEqual({ key: ['last_name', 'first_name.initial'], unordered: false })
    expect(compare.first_name).toMatchObject({ kind: 'given-name' })
  })

  it('names the path of every error', () => {
    expect(paths({ compare: { a: 'nonsense' } })).toEqual(['compare.a.kind'])
    expect(paths({ compare: { a: { kind: 'date', similarity: 1 } } })).toEqual(['compare.a'])
    expect(paths({ compare: { a: { kind: 'date', levels: { exact: { m: 2 } } } } })).toEqual([
      'compare.a.levels.exact.m',
    ])
    expect(paths({ compare: { a: { kind: 'date', levels: { exact: { weight: 2, m: 0.5 } } } } })).toEqual([
      'compare.a.levels.exact',
    ])
    expect(
      paths({ compare: { a: { kind: 'surname', levels: { exact: { u: 0.1, uTimesShare: 2 } } } } }),
    ).toEqual(['compare.a.levels.exact'])
    expect(paths({ block: [['a.b']], compare: {} })).toEqual(['block.0.key.0', 'compare'])
    expect(paths({ threshold: 1, review: 2 })).toEqual(['review'])
    expect(paths({ swapped: { fields: ['a'] } })[0]).toMatch(/^swapped/)
    expect(paths({ treshold: 1 })).toEqual([''])
  })

  it('is checked against the fields of the match, all problems at once', () => {
    const definition = modelDefinition.parse({
      block: [['last_name.nickname', 'town'], ['age.sound'], { key: ['age'], unordered: true }],
      compare: {
        last_name: 'surname',
        age: 'date',
        shoe: { kind: 'text', levels: { exact: { uTimesShare: 1 } } },
      },
      swapped: { fields: ['last_name', 'age'] },
    })
    const problems = planModel(definition, ['last_name', 'age']).problems.map(({ path }) => path.join('.'))
    expect(problems.sort()).toEqual([
      'block.0.key.1',
      'block.1.key.0',
      'block.2.unordered',
      'compare.shoe',
      'compare.shoe.levels.exact.uTimesShare',
      'swapped.fields.1',
    ])
    expect(() => compileModel(definition, ['last_name', 'age'])).toThrow(/compare\.shoe: is no field/)
  })

  it('knows no column of any vendor: other fields and kinds work alike', () => {
    const other = compileModel(
      modelDefinition.parse({
        block: [
          ['name', 'born.year'],
          ['name.sound', 'sex'],
        ],
        compare: {
          name: 'given-name',
          born: 'date',
          sex: { kind: 'category', synonyms: { male: ['m', '1'] } },
        },
        threshold: -5,
        review: -9,
      }),
      ['sex', 'name', 'born'],
    )
    const [a, b] = [
      other.prepare(['1', 'Geoff', '1958-12-03']),
      other.prepare(['Male', 'geoff', '1958-03-12']),
    ]
    expect(other.keys(a).some((key) => other.keys(b).includes(key))).toBe(true)
    expect(other.explain(a, b).map(({ field, level }) => [field, level])).toEqual([
      [null, 'prior'],
      ['sex', 'synonym'],
      ['name', 'exact'],
      ['born', 'transposed'],
    ])
  })

  it('can be written as a JSON schema with a description for every setting', () => {
    const schema = z.toJSONSchema(modelDefinition, { io: 'input', override: allowShortForms })
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      expect(property, name).toHaveProperty('description')
    }
    expect(schema).toMatchObject({
      properties: {
        block: { items: { anyOf: [{ type: 'array' }, { type: 'object' }] } },
        compare: { additionalProperties: { anyOf: [{ type: 'string' }, { oneOf: {} }] } },
      },
    })
    expect(JSON.stringify(schema)).not.toContain('shorthand')
  })
})
