import { describe, expect, test } from 'vitest'
import { ChunkSize } from '../../../src/cdc/chunk-size.ts'

describe('the size of chunks', () => {
  const options = { maxRows: 5000, maxBytes: 1_000_000, estimatedRowBytes: 0 }

  test('begins with the estimate and never exceeds its rows', () => {
    expect(new ChunkSize(options).rows).toBe(5000)
    expect(new ChunkSize({ ...options, estimatedRowBytes: 8_000 }).rows).toBe(100)
    expect(new ChunkSize({ ...options, estimatedRowBytes: 1e9 }).rows).toBe(1)
  })

  test('shrinks at once when rows grow, and grows again step by step', () => {
    const size = new ChunkSize(options)
    size.observe({ rows: 8, bytes: 800_000 })
    expect(size.rows).toBe(8)
    size.observe({ rows: 8, bytes: 800 })
    expect(size.rows).toBe(15)
    for (let n = 0; n < 20; n++) size.observe({ rows: size.rows, bytes: size.rows * 100 })
    expect(size.rows).toBe(5000)
  })
})
