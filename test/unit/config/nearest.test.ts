import { expect, it } from 'vitest'
import { nearest } from '../../../src/config/nearest.ts'

it.each([
  ['tabels', ['type', 'tables', 'url'], 'tables'],
  ['Tables', ['type', 'tables'], 'tables'],
  ['chunk_rows', ['chunkRows', 'chunkBytes'], 'chunkRows'],
  ['desc', ['description', 'days'], 'description'],
  ['zzz', ['url', 'schema'], null],
  ['x', [], null],
])('the nearest to %j among %j is %j', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected)
})
