import { z } from 'zod'
import { name, url } from './values.ts'

const embedded = 'embedded'

const place = url({
  schemes: ['postgres', 'postgresql'],
  named: ['postgres'],
  orElse: embedded,
  check: ({ pathname }) =>
    pathname.length > 1 ? null : 'must name the database, as in postgres://host/database',
})

export const warehouseSettings = z
  .strictObject({
    url: place
      .default(embedded)
      .describe(
        'The Postgres to fill, or `embedded`: a server of its own under `.syncline/` beside this file. ' +
          'The environment variable `WAREHOUSE_URL` takes precedence.',
      ),
    schema: name
      .refine((value) => !/^(pg_.*|information_schema|syncline)$/.test(value), {
        error: 'is reserved: choose another schema',
      })
      .default('warehouse')
      .describe('The schema that analysts query; match state and positions live beside it in `syncline`.'),
  })
  .describe('Where the warehouse is.')

export type WarehouseSettings = z.output<typeof warehouseSettings>

export type WarehouseConfig =
  | { readonly kind: 'embedded'; readonly schema: string }
  | { readonly kind: 'server'; readonly url: string; readonly schema: string }

export function warehouseConfig({ url, schema }: WarehouseSettings): WarehouseConfig {
  return url === embedded ? { kind: 'embedded', schema } : { kind: 'server', url, schema }
}
