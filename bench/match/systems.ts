import { readFile } from 'node:fs/promises'
import { createConnection } from 'mysql2/promise'
import { parse, stringify } from 'yaml'
import { loadMysql } from '../../examples/vendor-match/load-mysql.ts'
import { packageFile } from '../../src/runtime/package-file.ts'
import type { Releasers } from '../../src/runtime/releasers.ts'
import { database, startSystems, type Systems } from '../tail/systems.ts'
import type { People } from './people.ts'

/**
 * The match of the example, both sides of which are tables of one MySQL, so that all changes come by its log. The table
 * `beacon` tells how far the warehouse is: one source's transactions are committed in their order.
 */
async function configuration(): Promise<string> {
  const example = parse(await readFile(packageFile('examples', 'vendor-match', 'syncline.yaml'), 'utf8')) as {
    matches: unknown
    asOf: unknown
  }
  return stringify({
    warehouse: { url: '${WAREHOUSE_URL}' },
    sources: {
      people: {
        type: 'mysql',
        url: '${MYSQL_URL}',
        tables: {
          user: { as: 'internal_user' },
          user_practice: { as: 'internal_practice' },
          vendor_user: { as: 'vendor_user' },
          beacon: { as: 'beacon' },
        },
      },
    },
    matches: example.matches,
    asOf: example.asOf,
  })
}

/** Throwaway servers, each as it comes, durability included, with all people in the MySQL. */
export async function startFilled(
  people: People,
  { internal, note }: { internal: number; note: (text: string) => void },
  releasers: Releasers,
): Promise<Systems> {
  // The prior of the match is about the number of internal users.
  process.env['INTERNAL_USERS'] = String(Math.max(2, internal))
  const config = await configuration()
  const systems = await startSystems({ flavour: 'mysql', config, note }, releasers)
  await fill(systems.mysqlUrl, people)
  return systems
}

async function fill(mysqlUrl: string, people: People): Promise<void> {
  const url = new URL(mysqlUrl)
  const { hostname, port, username, password } = url
  await loadMysql({
    connection: {
      host: hostname,
      port: Number(port),
      user: username,
      password: decodeURIComponent(password),
    },
    users: people.internal,
    practices: people.data.practices(),
    schema: database,
  })
  const connection = await createConnection(mysqlUrl)
  try {
    await connection.query(
      `create table vendor_user (id int primary key, firstname varchar(50), lastname varchar(50),
         specialty varchar(50), practice_location varchar(50), user_type_classification varchar(50),
         last_active_date date)`,
    )
    for (let from = 0; from < people.vendor.length; from += 1_000) {
      const rows = people.vendor
        .slice(from, from + 1_000)
        .map((user) => [
          ...[user.id, user.firstname, user.lastname, user.specialty, user.practice_location],
          ...[user.user_type_classification, user.last_active_date],
        ])
      await connection.query('insert into vendor_user values ?', [rows])
    }
    await connection.query('create table beacon (n bigint primary key)')
  } finally {
    await connection.end()
  }
}
