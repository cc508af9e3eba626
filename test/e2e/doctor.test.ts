import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mysqlServers } from '../support/mysql.ts'
import { startVendorMatch, type VendorMatchSystem } from '../support/vendor-match.ts'

interface Finding {
  readonly where: string
  readonly code: string
  readonly cure: string
}

describe.each(mysqlServers)('doctor on $flavour', (server) => {
  let system: VendorMatchSystem
  let admin: mysql.Connection
  const user = `doctor_${process.pid}`

  beforeAll(async () => {
    system = await startVendorMatch({ server, internal: 200, vendor: 30, embedded: true })
    admin = await mysql.createConnection({ uri: server.url, multipleStatements: true })
  }, 60_000)
  afterAll(async () => {
    await admin.query(`drop user if exists ${user}@'%'`)
    await admin.end()
    await system.close()
  })

  it('finds nothing where nothing is wrong', async () => {
    expect(await system.run('doctor')).toMatchObject({ code: 0, stdout: 'all is well\n' })
  })

  it('names everything at once, and what it prints as a script cures it', async () => {
    await admin.query(`create user ${user}@'%' identified by 'secret-of-doctor'`)
    // To those without any privilege in it, a server does not tell whether there is such a database.
    await admin.query(`grant select on \`${system.schema.name}\`.user_practice to ${user}@'%'`)
    const url = new URL(system.schema.url)
    url.username = user
    url.password = 'secret-of-doctor'
    system.environment['INTERNAL_MYSQL_URL'] = url.href
    const found = await system.run('doctor', '--json')
    expect(found.code).toBe(78)
    const findings = JSON.parse(found.stdout) as Finding[]
    expect(findings.length).toBeGreaterThan(0)
    for (const { where } of findings) expect(where).toBe('internal')

    // A cure may uncover what could not be seen before it.
    for (let round = 0; round < 5; round++) {
      const script = await system.run('doctor', '--fix')
      if (script.stdout === '') break
      expect(script.stdout + script.stderr).not.toContain('secret-of-doctor')
      await admin.query(script.stdout)
    }
    expect(await system.run('doctor')).toMatchObject({ code: 0, stdout: 'all is well\n' })
  })

  it('tells of a warehouse that is not there, and of the sources none the less', async () => {
    system.environment['WAREHOUSE_URL'] = 'postgres://nobody@127.0.0.1:1/none'
    const { code, stdout } = await system.run('doctor')
    delete system.environment['WAREHOUSE_URL']
    expect(code).toBe(78)
    expect(stdout).toContain('warehouse-unreachable')
  })
})
