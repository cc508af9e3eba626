import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mysqlServers } from '../support/mysql.ts'
import { matchedPairs, startVendorMatch, type VendorMatchSystem } from '../support/vendor-match.ts'

interface Listed {
  readonly left: string
  readonly right: string
  readonly value: number
}

describe('explain, review and verify on the command line', () => {
  let system: VendorMatchSystem
  beforeAll(async () => {
    const [server] = mysqlServers
    system = await startVendorMatch({
      server: server ?? expect.fail(),
      ...{ internal: 400, vendor: 300, dirty: true },
    })
    expect(await system.run('run', '--snapshot')).toMatchObject({ code: expect.any(Number) as number })
  }, 240_000)
  afterAll(() => system.close())
  const pairs = async (): Promise<string[]> =>
    (await matchedPairs(system.database?.url ?? '')).map((pair) => `${pair.internalId}-${pair.vendorId}`)

  it('a pair that is accepted is matched, explained as such, exported, and as before when it is undone', async () => {
    const before = await pairs()
    const listed = await system.run('review', 'list', '--json', '--limit', '200')
    expect(listed.code).toBe(0)
    const candidates = listed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Listed)
    const free = candidates.find(({ left, right }) => !before.includes(`${left}-${right}`))
    const { left, right } = free ?? expect.fail('nothing to review')
    expect(await system.run('explain', left, right)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('are not matched') as string,
    })
    expect(await system.run('review', 'accept', left, right, '--reason', 'seen the file')).toMatchObject({
      ...{ code: 0, stdout: 'done: the match follows\n' },
    })
    expect(await pairs()).toContain(`${left}-${right}`)
    const explained = await system.run('explain', left, '--json')
    expect(JSON.parse(explained.stdout)).toMatchObject({ outcome: 'matched', decision: 'must' })
    const exported = await system.run('review', 'export')
    expect(JSON.parse(exported.stdout)).toMatchObject({
      left,
      right,
      verdict: 'must',
      reason: 'seen the file',
    })
    expect((await system.run('verify', 'user_match')).code).toBe(0)
    expect((await system.run('review', 'undo', left, right)).code).toBe(0)
    expect((await pairs()).sort()).toEqual(before.sort())
    const file = join(system.folder, 'decisions.jsonl')
    await writeFile(file, exported.stdout)
    expect(await system.run('review', 'import', file)).toMatchObject({
      ...{ code: 0, stdout: '1 decisions read, 1 were new\n' },
    })
    expect(await pairs()).toContain(`${left}-${right}`)
  }, 240_000)
})
