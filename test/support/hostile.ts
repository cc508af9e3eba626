import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { Session } from '../../src/state/session.ts'
import { testDatabase } from './postgres.ts'
import {
  startVendorMatch,
  warehouseContent,
  type Finished,
  type SystemOptions,
  type VendorMatchSystem,
} from './vendor-match.ts'

/** What a run that failed says of it. */
export interface Failure {
  readonly code: string
  readonly msg: string
  readonly hint: string
}

export interface OpenLetter {
  readonly stream: string
  readonly key: string | null
  readonly code: string
  readonly reason: string
  readonly raw: string
}

/** A small system that a test can spoil and mend, and what it ends with when nothing is wrong. */
export interface HostileSystem extends VendorMatchSystem {
  /** Of the warehouse after a run without any fault. */
  expected: readonly string[]
  /** What must never be printed. */
  readonly secrets: string[]
  /** Runs once and expects this exit code; returns what the error says. */
  fails(exitCode: number): Promise<Failure>
  /** Runs once without a fault and expects that nothing was lost. */
  recovers(): Promise<void>
  content(): Promise<string[]>
  letters(): Promise<OpenLetter[]>
  /** A warehouse in which nothing ever was. */
  renewWarehouse(): Promise<void>
  /** Changes the configuration. */
  configure(change: (yaml: string) => string): Promise<void>
}

const quickRetries = 'retry: { attempts: 3, base: 2ms, max: 5ms }'

export async function startHostile(options: Partial<SystemOptions> & Pick<SystemOptions, 'server'>) {
  const base = await startVendorMatch({ internal: 300, vendor: 100, pageSize: 10, chunkRows: 50, ...options })
  const apiPassword = randomBytes(9).toString('hex')
  const token = randomBytes(9).toString('hex')
  const api = new URL(base.simulator.url)
  api.username = 'syncline'
  api.password = apiPassword
  api.searchParams.set('token', token)
  base.environment['VENDOR_API_URL'] = api.href
  const secrets = [apiPassword, token, new URL(base.schema.url).password]
  if (base.database) secrets.push(new URL(base.database.url).password)
  const system = Object.assign(base, methods(base, secrets))
  await system.configure((yaml) => yaml.replace(/^( +)schedule:.*$/m, `$&\n$1${quickRetries}`))
  if (base.database) {
    expect(await system.run('run', '--snapshot')).toMatchObject({ code: 0 })
    system.expected = await system.content()
  }
  return system
}

function methods(
  base: VendorMatchSystem,
  secrets: string[],
): Omit<HostileSystem, keyof VendorMatchSystem> & Pick<HostileSystem, 'run'> {
  const url = (): string => base.database?.url ?? ''
  const run = async (...args: string[]): Promise<Finished> => {
    const finished = await base.start(...args).finished
    for (const secret of secrets) expect(finished.stderr + finished.stdout).not.toContain(secret)
    return finished
  }
  return {
    expected: [],
    secrets,
    run,
    async fails(exitCode) {
      const finished = await run('run', '--snapshot')
      const failure = failureOf(finished)
      expect({ ...failure, exitCode: finished.code, stdout: finished.stdout }).toMatchObject({
        exitCode,
        stdout: '',
      })
      return failure
    },
    async recovers() {
      const { code, stderr } = await run('run', '--snapshot')
      expect({ code, stderr }).toMatchObject({ code: 0 })
      expect(await warehouseContent(url())).toEqual((this as HostileSystem).expected)
    },
    content: () => warehouseContent(url()),
    letters: () => openLetters(url()),
    async renewWarehouse() {
      await base.database?.drop()
      base.database = await testDatabase()
    },
    async configure(change) {
      const path = join(base.folder, 'syncline.yaml')
      await writeFile(path, change(await readFile(path, 'utf8')))
    },
  }
}

/** A failure with this code, whose message and hint say so. */
export function matching(code: string, msg: RegExp, hint: RegExp | string): Failure {
  const said = (text: RegExp | string): string =>
    (typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text)) as string
  return { code, msg: said(msg), hint: said(hint) }
}

/** The last line of the log is the error. */
function failureOf({ stderr }: Finished): Failure {
  const line = stderr.trimEnd().split('\n').at(-1) ?? ''
  const { code = '', msg = '', hint = '' } = JSON.parse(line) as Partial<Failure>
  return { code, msg, hint }
}

async function openLetters(url: string): Promise<OpenLetter[]> {
  const session = await Session.connect({ url, applicationName: 'test' })
  try {
    const rows = await session.query(
      `select stream, array_to_json(key), code, reason, raw from syncline.dead_letter
        where closed_at is null order by stream, id`,
    )
    return rows.map(([stream, key, code, reason, raw]) => ({
      stream: stream ?? '',
      key: key ?? null,
      code: code ?? '',
      reason: reason ?? '',
      raw: raw ?? '',
    }))
  } finally {
    await session.close()
  }
}
