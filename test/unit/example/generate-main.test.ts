import { expect, it } from 'vitest'
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { packageFile } from '../../../src/runtime/package-file.ts'
import { schemaStatements } from '../../../examples/vendor-match/load-mysql.ts'

const compose = readFileSync(packageFile('docker-compose.yml'), 'utf8')

it('the script for one’s own server drops nothing and fails on tables that are there', () => {
  const script = schemaStatements('people_demo').join(';\n')
  expect(script).not.toMatch(/\b(drop|replace|truncate|delete)\b/i)
  expect(script.match(/create table (?!if not exists)/g)).toHaveLength(2)
})

it('the script has a database of its own unless told, and docker-compose tells it the one it reads', () => {
  const source = readFileSync(packageFile('examples', 'vendor-match', 'generate-main.ts'), 'utf8')
  expect(/database: \{ type: 'string', default: '(\w+)' \}/.exec(source)?.[1]).toBe('data_engineer_demo')
  const { services } = parse(compose) as {
    services: { people: { command: string[] }; syncline: { environment: { INTERNAL_MYSQL_URL: string } } }
  }
  const { command } = services.people
  const written = command[command.indexOf('--database') + 1]
  expect(services.syncline.environment.INTERNAL_MYSQL_URL).toMatch(new RegExp(`/${String(written)}$`))
})
