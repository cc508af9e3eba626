import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Status } from '../../src/daemon/status.ts'
import { mysqlServers } from '../support/mysql.ts'
import { until } from '../support/until.ts'
import { startVendorMatch, type VendorMatchSystem } from '../support/vendor-match.ts'

const minutes = 60_000

type Running = ReturnType<VendorMatchSystem['start']>

describe.each(mysqlServers)('a running Syncline on $flavour', (server) => {
  let system: VendorMatchSystem
  let first: Running

  const status = async (): Promise<Status> => {
    const { code, stdout, stderr } = await system.run('status', '--json')
    if (code !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as Status
  }
  const leading = (run: Running): Promise<Status> =>
    until('it leads and both sources are loaded', async () => {
      const now = await status().catch(() => null)
      const mine = now?.leader?.holder.includes(`pid ${run.process.pid} `) === true
      return mine && now.sources.length === 2 && now.sources.every(({ loaded, live }) => loaded && live)
        ? now
        : null
    })
  const state = async (source: string): Promise<string | undefined> =>
    (await status()).sources.find((line) => line.source === source)?.state

  beforeAll(async () => {
    system = await startVendorMatch({ server, internal: 2_000, vendor: 300 })
    first = system.start('run')
    await leading(first)
  }, 3 * minutes)
  afterAll(async () => {
    first.process.kill('SIGKILL')
    await first.finished
    await system.close()
  })

  it('publishes the match once both sides are read, and tells so', async () => {
    const { matches } = await until('the match is published', async () => {
      const now = await status()
      return now.matches[0]?.state === 'published' ? now : null
    })
    expect(matches).toEqual([
      {
        ...{ match: 'user_match', model: 1, state: 'published', wanted: true, matched: 300 },
        ...{ queued: 0, fannedOut: 0, queueAgeMs: null },
        longestPath: expect.any(Number) as number,
        largestBlock: expect.any(Number) as number,
      },
    ])
  })

  it('pauses and resumes a source when asked, and remembers it', async () => {
    expect(await system.run('pause', 'internal')).toMatchObject({ code: 0, stdout: 'internal is paused\n' })
    await until('it is paused', async () => (await state('internal')) === 'paused' || null)
    expect(await system.run('resume', 'internal')).toMatchObject({ code: 0, stdout: 'internal goes on\n' })
    await until('it goes on', async () => (await state('internal')) !== 'paused' || null)
  })

  it('refuses what it cannot do, with what can be done', async () => {
    const { code, stderr } = await system.run('pause', 'internl')
    expect(code).toBe(64)
    expect(stderr).toContain('there is no source internl')
    expect(stderr).toContain('internal, vendor')
  })

  it('ends a resync that finds too many gone with a refusal, keeps them, and goes on', async () => {
    const { simulator } = system
    const users = [...simulator.users()]
    const vendor = async (): Promise<Status['sources'][number] | undefined> =>
      (await status()).sources.find(({ source }) => source === 'vendor')
    for (const { id } of users.slice(0, 100)) simulator.remove(id)
    const refused = await system.run('resync', 'vendor_user')
    expect(refused.code).toBe(78)
    expect(refused.stderr).toContain('100 of 300 known records')
    expect(refused.stderr).toContain('maxDeletedShare')
    const told = await until('the status tells of it', async () => {
      const now = await vendor()
      return now?.undeleted?.['vendor_user'] === undefined ? null : now
    })
    expect(told).toMatchObject({
      failure: null,
      undeleted: { vendor_user: expect.stringContaining('nothing was deleted') as string },
    })
    simulator.setUsers(users)
    expect(await system.run('resync', 'vendor_user')).toMatchObject({ code: 0 })
    await until('all is well', async () => {
      const now = await vendor()
      return now !== undefined && Object.keys(now.undeleted ?? {}).length === 0 ? now : null
    })
    const { matches } = await status()
    expect(matches).toMatchObject([{ matched: 300 }])
  })

  it('goes on with the configuration as it is after a hang-up, and keeps the one before if the file is wrong', async () => {
    const file = join(system.folder, 'syncline.yaml')
    const good = await readFile(file, 'utf8')
    let stderr = ''
    first.process.stderr?.on('data', (text: string) => (stderr += text))
    await writeFile(file, `${good}\nnonsense: true\n`)
    first.process.kill('SIGHUP')
    await until('it refuses the file', () =>
      Promise.resolve(stderr.includes('the configuration was not taken over') || null),
    )
    expect(stderr).toContain('nonsense')
    await writeFile(file, good)
    const { leader } = await leading(first)
    first.process.kill('SIGHUP')
    await until('it leads anew', async () => {
      const now = (await status()).leader
      return now !== null && Number(now.term) > Number(leader?.term) ? now : null
    })
    await leading(first)
  })

  it.each([
    ['platform: platform_registered_on', 'platform: registred_on', 'no column registred_on'],
    ['practice_id = id', 'practise_id = id', 'no column practise_id'],
    ['practice_id = id', 'practice_id = location', 'which is not its key'],
  ])('refuses %s turned into %s by a hang-up before it gives up its term', async (right, wrong, told) => {
    const file = join(system.folder, 'syncline.yaml')
    const good = await readFile(file, 'utf8')
    const { leader } = await leading(first)
    const before = first.stderr().length
    await writeFile(file, good.replace(right, wrong))
    first.process.kill('SIGHUP')
    await until('it refuses the file', () =>
      Promise.resolve(first.stderr().slice(before).includes('the configuration was not taken over') || null),
    )
    await writeFile(file, good)
    expect(first.stderr().slice(before)).toContain(told)
    expect((await leading(first)).leader?.term).toBe(leader?.term)
  })

  it('hands over to a standby within ten seconds of a kill, and ends with 0 when asked to stop', async () => {
    const standby = system.start('run')
    let stderr = ''
    standby.process.stderr?.on('data', (text: string) => (stderr += text))
    await until('it waits', () =>
      Promise.resolve(stderr.includes('waiting for the writer before us') || null),
    )
    first.process.kill('SIGKILL')
    const killedAt = Date.now()
    await until('the standby leads', async () => {
      const now = (await status()).leader
      return now?.holder.includes(`pid ${standby.process.pid} `) === true ? now : null
    })
    expect(Date.now() - killedAt).toBeLessThan(10_000)
    standby.process.kill('SIGTERM')
    expect(await standby.finished).toMatchObject({ code: 0 })
    first = system.start('run')
    await leading(first)
  })

  it('does what is asked itself when nobody leads', async () => {
    first.process.kill('SIGTERM')
    expect(await first.finished).toMatchObject({ code: 0 })
    expect(await system.run('pause', 'vendor')).toMatchObject({ code: 0 })
    first = system.start('run')
    await until('it is paused from the start', async () => (await state('vendor')) === 'paused' || null)
    expect(await system.run('resume', 'vendor')).toMatchObject({ code: 0 })
    await leading(first)
  })
})
