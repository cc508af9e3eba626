import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePointer, elementSpans, isPointer } from '../../../src/poller/json-text.ts'
import { PageVectors } from '../../../src/poller/page-vectors.ts'
import { ReadAhead } from '../../../src/poller/read-ahead.ts'
import { hashTexts, plainSeed, seedOf } from '../../../src/poller/record-hash.ts'

describe('the ids of pages', () => {
  const vectorOf = (list: string): string => createHash('sha1').update(list).digest('base64')

  test('are known by the page that showed them first, for any number of pages', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 60 }).map(String), { maxLength: 300 }), (lists) => {
        const [vectors, model] = [new PageVectors(), new Map<string, number>()]
        lists.forEach((list, index) => {
          expect(vectors.find(vectorOf(list))).toBe(model.get(list) ?? null)
          vectors.add(vectorOf(list), index + 1)
          model.set(list, model.get(list) ?? index + 1)
        })
      }),
    )
  })

  test('of 100,000 pages are kept apart', () => {
    const vectors = new PageVectors()
    for (let page = 1; page <= 100_000; page++) vectors.add(vectorOf(String(page)), page)
    for (let page = 1; page <= 100_000; page += 97) expect(vectors.find(vectorOf(String(page)))).toBe(page)
  })
})

test('the hash of a record tells apart null, empty and texts that run into each other', () => {
  const hash = (texts: (string | null)[], seed = plainSeed): string => {
    const out = new Uint32Array(2)
    hashTexts(texts, seed, out)
    return out.join()
  }
  const hashes = [['a', 'b'], ['ab', ''], ['', 'ab'], ['ab', null], ['ab'], [null, 'ab'], []].map((texts) =>
    hash(texts),
  )
  expect(new Set(hashes).size).toBe(hashes.length)
  expect(hash(['a'], seedOf('one'))).not.toBe(hash(['a'], seedOf('two')))
  expect(hash(['a'])).toBe(hash(['a']))
})

describe('JSON pointers', () => {
  test.each(['', '/users', '/a~1b/~0/0', '/'])('%j is one', (text) => {
    expect(isPointer(text)).toBe(true)
  })

  test.each(['users', '/a~2', '#/a', '/a~'])('%j is none', (text) => {
    expect(isPointer(text)).toBe(false)
  })

  test('read what they point to and nothing inherited', () => {
    const document = { 'a/b': { '~': [1, { x: 2 }] }, '': 3 }
    expect(compilePointer('/a~1b/~0/1/x')(document)).toBe(2)
    expect(compilePointer('/')(document)).toBe(3)
    expect(compilePointer('')(document)).toBe(document)
    for (const none of ['/constructor', '/a~1b/~0/length', '/a~1b/~0/01', '/a~1b/x/y']) {
      expect(compilePointer(none)(document)).toBe(undefined)
    }
  })

  test('find the raw text of each element of any document', () => {
    const blank = fc.constantFrom('', ' ', '\n\t')
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        fc.jsonValue(),
        fc.string(),
        blank,
        (list, other, name, space) => {
          const pointer = `/d/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
          const members = [
            ['\\u0064x', other],
            [name, list],
          ] as const
          const inner = members.map(
            ([key, value]) =>
              `${JSON.stringify(key)}${space}:${JSON.stringify(value, null, space === '' ? 0 : 1)}`,
          )
          const text = `${space}{"x":${JSON.stringify(other)},"\\u0064":{${inner.join(`${space},${space}`)}}}`
          const found = elementSpans(text, pointer).map(
            ([start, end]) => JSON.parse(text.slice(start, end)) as unknown,
          )
          expect(found).toEqual(JSON.parse(JSON.stringify(list)))
        },
      ),
    )
  })

  test('of text that is no JSON end', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', ' ', 'a', '0') }),
        (text) => {
          elementSpans(text, '/a')
          elementSpans(text, '')
        },
      ),
    )
  })
})

describe('reading ahead', () => {
  interface Pending {
    readonly page: number
    readonly answer: () => void
  }

  function setup(concurrency: number, maxBytes: number): { ahead: ReadAhead<number>; running: Pending[] } {
    const running: Pending[] = []
    const fetch = (page: number): Promise<number> =>
      new Promise((resolve) => {
        const entry = {
          page,
          answer: () => {
            running.splice(running.indexOf(entry), 1)
            resolve(page)
          },
        }
        running.push(entry)
      })
    return { ahead: new ReadAhead({ fetch, concurrency, maxBytes, sizeOf: () => 10 }), running }
  }

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  test('never has more requests in flight than allowed and hands pages over in order', async () => {
    const { ahead, running } = setup(2, 1000)
    ahead.ask([1, 2, 3, 4])
    await turn()
    expect(running.map(({ page }) => page)).toEqual([1, 2])
    running[1]?.answer()
    await turn()
    expect(running.map(({ page }) => page)).toEqual([1, 3])
    const first = ahead.take(1)
    running[0]?.answer()
    expect(await first).toBe(1)
    expect(await ahead.take(2)).toBe(2)
  })

  test('stops at its bytes, but for the page that is waited for', async () => {
    const { ahead, running } = setup(4, 25)
    ahead.ask([1])
    await turn()
    running[0]?.answer()
    expect(await ahead.take(1)).toBe(1)
    ahead.ask([2, 3, 4, 5])
    await turn()
    expect(running.map(({ page }) => page)).toEqual([2, 3])
    running[1]?.answer()
    running[0]?.answer()
    await turn()
    expect(running).toEqual([])
    const [second, third] = [await ahead.take(2), ahead.take(3)]
    await turn()
    expect([second, await third]).toEqual([2, 3])
    expect(running.map(({ page }) => page)).toEqual([4, 5])
  })

  test('throws an error when its page is taken, and not before', async () => {
    const fetch = (page: number): Promise<number> =>
      page === 2 ? Promise.reject(new Error('broken')) : Promise.resolve(page)
    const ahead = new ReadAhead({ fetch, concurrency: 3, maxBytes: 100, sizeOf: () => 1 })
    ahead.ask([1, 2, 3])
    await turn()
    expect(await ahead.take(1)).toBe(1)
    await expect(ahead.take(2)).rejects.toThrow('broken')
    await ahead.stop()
  })
})
