import { mkdirSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { exitCodeOf, exitCodes } from '../../../src/runtime/exit-codes.ts'
import { openEmbeddedPostgres } from '../../../src/state/embedded-postgres/open.ts'
import { clusterPaths, ensureCluster } from '../../../src/state/embedded-postgres/cluster.ts'

const asRoot = process.getuid?.() === 0
const cleanUp: (() => void)[] = []

afterEach(() => {
  for (const step of cleanUp.splice(0).reverse()) step()
})

/** `.syncline` of another user, or one that is closed to us as if it were. */
function foreignFolder(): string {
  const parent = mkdtempSync(join(tmpdir(), 'syncline-foreign-'))
  chmodSync(parent, 0o755)
  const folder = join(parent, '.syncline')
  const data = join(folder, 'postgres', 'data')
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'PG_VERSION'), '18\n')
  chmodSync(join(folder, 'postgres'), asRoot ? 0o700 : 0)
  cleanUp.push(() => {
    chmodSync(join(folder, 'postgres'), 0o700)
    rmSync(parent, { recursive: true })
  })
  return folder
}

/** Root may read everything: it tests as somebody who may not. */
function asSomebody(): void {
  if (!asRoot) return
  process.seteuid?.(65_534)
  cleanUp.push(() => process.seteuid?.(0))
}

const binaries = { postgres: '/bin/false', initdb: '/bin/false', majorVersion: 18 }
const account = { prefix: [], owner: '0:0', own: () => Promise.resolve() }

it('a data directory of another user is not taken for one of another version', async () => {
  const paths = clusterPaths(join(foreignFolder(), 'postgres'))
  asSomebody()
  await expect(ensureCluster(paths, binaries, account)).rejects.toMatchObject({ code: 'EACCES' })
})

it('a folder of another user is a matter of permission, and whose it is to run', async () => {
  const folder = foreignFolder()
  asSomebody()
  const error: unknown = await openEmbeddedPostgres({ directory: folder }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'embedded-postgres-folder',
    hint: expect.stringContaining('as the user who made this folder') as string,
  })
  expect(exitCodeOf(error)).toBe(exitCodes.permission)
})
