import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import type { Environment } from '../../../src/config/interpolate.ts'
import { ConfigurationError } from '../../../src/config/problem.ts'

const folders: string[] = []

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Gone after the tests of the file: some share a configuration. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'syncline-config-'))
  folders.push(folder)
  return folder
}

/** Writes files into a new folder and returns the path of the configuration among them. */
export function writeConfig(yaml: string, files: Readonly<Record<string, string>> = {}): string {
  const directory = temporaryFolder()
  for (const [name, content] of Object.entries({ ...files, 'syncline.yaml': yaml })) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
  return join(directory, 'syncline.yaml')
}

/** The problems of a configuration as `line:column path: message`, or none. */
export function problemsOf(yaml: string, environment: Environment = {}): string[] {
  const path = writeConfig(yaml)
  try {
    loadConfig(path, environment)
    return []
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.message.split('\n').map((line) => line.replace(`${path}:`, ''))
  }
}

/** A complete configuration; each test changes one thing. */
export const complete = `warehouse: { url: embedded, schema: warehouse }
sources:
  internal:
    type: mysql
    url: mysql://reader@db.example:3316/data_engineer
    tables:
      user: { as: internal_user }
      user_practice: { as: internal_practice }
  vendor:
    type: http
    url: https://vendor.example/api/v1/users
    as: vendor_user
    records: /users
    totalPages: /total_pages
    key: id
    columns:
      id: bigint
      firstname: text
      lastname: { type: text, description: Family name }
      specialty: text
      place: { type: text, from: /practice_location }
      last_active_date: date
    schedule: "*/5 * * * *"
matches:
  user_match:
    left:
      stream: internal_user
      prefix: internal
      join: { internal_practice: practice_id = id }
      fields:
        first_name: firstname
        last_name: lastname
        specialty: specialty
        location: internal_practice.location
        last_active_date: last_active_date
    right:
      stream: vendor_user
      prefix: vendor
      fields:
        first_name: firstname
        last_name: lastname
        specialty: specialty
        location: place
        last_active_date: last_active_date
    single: [specialty, location]
    activity: { column: last_active_date, days: 30 }
`

/** The complete configuration with one passage exchanged, which must occur in it. */
export function changed(passage: string, replacement: string): string {
  if (!complete.includes(passage)) throw new Error(`not in the configuration: ${passage}`)
  return complete.replace(passage, () => replacement)
}
