import { expect, it } from 'vitest'
import type { Column } from '../../../src/changes/column.ts'
import type { Config } from '../../../src/config/config.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { checkReload } from '../../../src/daemon/check-reload.ts'
import { mirrorsOf } from '../../../src/warehouse/mirror-table.ts'
import { changed, complete, writeConfig } from '../config/write-config.ts'

const column = (name: string, type: string, keyPosition: number | null = null): Column => ({
  ...{ name, type, keyPosition },
  ...{ nullable: keyPosition === null, comment: null },
})
const columns = (...others: string[]): { readonly columns: readonly Column[] } => ({
  columns: [
    column('id', 'bigint', 1),
    ...others.map((name) => column(name, 'text')),
    column('last_active_date', 'date'),
  ],
})
const streams = {
  internal_user: columns('firstname', 'lastname', 'specialty', 'practice_id'),
  internal_practice: columns('location'),
  vendor_user: columns('firstname', 'lastname', 'specialty', 'place'),
}
const config = (yaml: string): Config => loadConfig(writeConfig(yaml), {})
const present = config(complete)

const reload = (yaml: string, known: Partial<typeof streams> = streams): void => {
  checkReload(config(yaml), { present, mirrors: mirrorsOf('warehouse', Object.entries(known)) })
}

it('what the mirrors bear out is taken over', () => {
  reload(complete)
  reload(changed('last_name: lastname', 'last_name: specialty'))
})

it.each([
  [
    'first_name: firstname',
    'first_name: frstname',
    'field first_name: stream internal_user has no column frstname',
  ],
  ['practice_id = id', 'practise_id = id', 'join: stream internal_user has no column practise_id'],
  ['practice_id = id', 'practice_id = location', 'joins internal_practice by location, which is not its key'],
  ['{ column: last_active_date,', '{ column: first_name,', 'first_name of internal_user is text, not a date'],
])('%s turned into %s is refused', (passage, replacement, message) => {
  expect(() => {
    reload(changed(passage, replacement))
  }).toThrow(message)
})

it('what is not known to be wrong is taken over: a stream that is not mirrored yet, or another warehouse', () => {
  const mistyped = changed('first_name: firstname', 'first_name: frstname')
  const { vendor_user } = streams
  reload(mistyped, { vendor_user })
  reload(mistyped.replace('schema: warehouse', 'schema: elsewhere'))
})
