import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { csvLines, jsonLines, sqlLines } from './export.ts'
import { generate } from './generate.ts'
import { schemaStatements } from './load-mysql.ts'
import { vendorOrders } from './records.ts'
import { truthPairs } from './truth-pairs.ts'

const usage = `Writes made-up data for your own servers: user, user_practice (for MySQL), vendor_user (for the vendor
simulator, in the order of the API), truth_vendor and truth_internal (who is who), and truth.csv (the pairs, for
syncline match evaluate --truth).

  node dist/examples/vendor-match/generate-main.js --out DIR [options]

  --internal N   users in MySQL (100000)         --format csv|jsonl|sql (jsonl)
  --vendor N     users of the vendor (15000)     --order surname|first-letter|id (surname)
  --seed N       another seed, other people (1)  --dirty   with the mistakes of real data

  --database D   of --format sql (data_engineer_demo)

sql makes one file for the mysql client, D.sql (database, tables and rows), and leaves the others as jsonl. It drops
nothing: where the database has tables of these names already, the client stops at the first of them.
`

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    internal: { type: 'string', default: '100000' },
    vendor: { type: 'string', default: '15000' },
    seed: { type: 'string', default: '1' },
    format: { type: 'string', default: 'jsonl' },
    order: { type: 'string', default: 'surname' },
    database: { type: 'string', default: 'data_engineer_demo' },
    dirty: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const order = vendorOrders.find((name) => name === values.order)

if (
  values.help ||
  values.out === undefined ||
  order === undefined ||
  !/^(csv|jsonl|sql)$/.test(values.format) ||
  !/^[\w$-]+$/.test(values.database)
) {
  console.error(usage)
  process.exitCode = values.help ? 0 : 64
} else {
  const data = generate({
    internal: Number(values.internal),
    vendor: Number(values.vendor),
    seed: Number(values.seed),
    dirty: values.dirty,
  })
  const folder = values.out
  await mkdir(folder, { recursive: true })
  const write = async (name: string, lines: Iterable<string>): Promise<void> => {
    await pipeline(Readable.from(lines), createWriteStream(join(folder, name)))
    console.error(join(folder, name))
  }
  const lines = values.format === 'csv' ? csvLines : jsonLines
  const ending = values.format === 'csv' ? 'csv' : 'jsonl'
  if (values.format === 'sql') {
    await write(`${values.database}.sql`, sqlLines({ statements: schemaStatements(values.database), data }))
  } else {
    await write(`user.${ending}`, lines(data.internalUsers()))
    await write(`user_practice.${ending}`, lines(data.practices()))
  }
  await write(`vendor_user.${ending}`, lines(data.vendorUsers(order)))
  await write(`truth_vendor.${ending}`, lines(data.truth.vendor))
  await write(`truth_internal.${ending}`, lines(data.truth.internal))
  await write('truth.csv', csvLines(truthPairs(data.truth)))
}
