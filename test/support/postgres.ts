import { randomUUID } from 'node:crypto'
import { Session } from '../../src/state/session.ts'

export interface TestDatabase {
  readonly url: string
  drop(): Promise<void>
}

export async function testDatabase(): Promise<TestDatabase> {
  const base = process.env['TEST_POSTGRES_URL'] ?? ''
  const name = `t_${randomUUID().replaceAll('-', '')}`
  const admin = await Session.connect({ url: base, applicationName: 'test' })
  await admin.query(`create database ${name}`)
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
