/** The Postgres types that an HTTP source's columns can have, as DDL writes them. */
const plain = [
  'text',
  'bigint',
  'integer',
  'smallint',
  'numeric',
  'double precision',
  'real',
  'boolean',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'json',
  'jsonb',
] as const

const withArguments = /^(varchar|char|numeric|time|timestamp|timestamptz)\s*\(\s*\d+\s*(,\s*\d+\s*)?\)$/

export const columnTypeNames: readonly string[] = [...plain, 'varchar(n)', 'numeric(p,s)']

export function isColumnType(type: string): boolean {
  return (plain as readonly string[]).includes(type) || withArguments.test(type)
}
