import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach } from 'vitest'
import { Session } from '../../src/state/session.ts'

export interface TestDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** `template`: a database to be copied, to which nobody is connected. */
export async function testDatabase(template?: TestDatabase): Promise<TestDatabase> {
  const base = process.env['TEST_POSTGRES_URL'] ?? ''
  const name = `t_${randomUUID().replaceAll('-', '')}`
  const admin = await Session.connect({ url: base, applicationName: 'test' })
  const copied = template ? ` template ${new URL(template.url).pathname.slice(1)} strategy file_copy` : ''
  await admin.query(`create database ${name}${copied}`)
  await admin.close()
  const url = new URL(base)
  url.pathname = name
  return {
    url: url.toString(),
    drop: async () => {
      const session = await Session.connect({ url: base, applicationName: 'test' })
      await session.query(`drop database ${name} with (force)`)
      await session.close()
    },
  }
}

/** A database of its own for each test of the enclosing `describe`, with an administrator's session. */
export function databasePerTest(): { readonly url: string; readonly admin: Session } {
  let current: { database: TestDatabase; admin: Session } | null = null
  beforeEach(async () => {
    const database = await testDatabase()
    current = { database, admin: await Session.connect({ url: database.url, applicationName: 'admin' }) }
  })
  afterEach(async () => {
    await current?.admin.close()
    await current?.database.drop()
    current = null
  })
  const open = (): { database: TestDatabase; admin: Session } => {
    if (current === null) throw new Error('there is a database only during a test')
    return current
  }
  return {
    get url() {
      return open().database.url
    },
    get admin() {
      return open().admin
    },
  }
}
