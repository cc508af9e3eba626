import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFile } from '../../src/runtime/package-file.ts'
import type { TestSchema } from './mysql.ts'

/** Real registers are not ours to give away: they are taken from where they are. Null where they are not. */
export function practitionerFolder(): string | null {
  const folder = process.env['LINKAGE_DATA'] ?? join(packageFile(), '..', 'shared', 'data', 'linkage')
  return existsSync(join(folder, 'practitioner_large.csv')) ? folder : null
}

export interface Practitioner {
  /** Id, name, sex, locality, year, month and day of birth, as the tables of the example have them. */
  readonly row: readonly (string | null)[]
  /** Equal for both records of one person. */
  readonly person: string
}

export interface Registers {
  readonly large: readonly Practitioner[]
  readonly small: readonly Practitioner[]
}

export function readRegisters(folder: string): Registers {
  const read = (file: string, columns: readonly string[], side: 'A' | 'B'): Practitioner[] => {
    const [header = [], ...lines] = csvLines(readFileSync(join(folder, file), 'utf8'))
    const place = (column: string): number => {
      const found = header.indexOf(column)
      if (found === -1) throw new Error(`${file} has no column ${column}`)
      return found
    }
    return lines.map((line) => {
      const value = (column: string): string | null => line[place(column)] || null
      return {
        row: columns.map(value),
        person: `${value(`aident_${side}`) ?? ''} ${value(`bident_${side}`) ?? ''}`,
      }
    })
  }
  return {
    large: read(
      'practitioner_large.csv',
      ['ID_A', 'Name_A', 'SEX_A', 'locality_A', 'yearbirth_A', 'monthbirth_A', 'daybirth_A'],
      'A',
    ),
    small: read(
      'practitioner_small.csv',
      [
        'ID_B',
        'namepert_B',
        'sexpert_B',
        'locality_B',
        'yearbirthpert_B',
        'monthbirthpert_B',
        'daybirthpert_B',
      ],
      'B',
    ),
  }
}

/** The files quote nothing. */
function csvLines(text: string): string[][] {
  return text
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(','))
}

export async function loadRegisters(schema: TestSchema, { large, small }: Registers): Promise<void> {
  await schema.execute(readFileSync(packageFile('examples', 'practitioners', 'tables.sql'), 'utf8'))
  for (const [table, practitioners] of Object.entries({ large, small })) {
    await schema.execute(`insert into practitioner_${table} values ?`, [practitioners.map(({ row }) => row)])
  }
}

/** As `match evaluate` reads it: who is whom, and who stands in one register only. */
export function practitionerTruth({ large, small }: Registers): string {
  const idOf = new Map(large.map(({ row, person }) => [person, row[0] ?? '']))
  const inBoth = new Set(small.map(({ person }) => person))
  return [
    'left_id,right_id',
    ...small.map(({ row, person }) => `${idOf.get(person) ?? ''},${row[0] ?? ''}`),
    ...large.filter(({ person }) => !inBoth.has(person)).map(({ row }) => `${row[0] ?? ''},`),
    '',
  ].join('\n')
}
