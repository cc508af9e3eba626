import { expect, test } from 'vitest'
import { collectYoung } from '../../../src/runtime/memory.ts'

const bodies = 50
const bodyBytes = 100_000

const held = (): number => process.memoryUsage().arrayBuffers

test('buffers that nobody holds are given back', async () => {
  let buffers = Array.from({ length: bodies }, () => Buffer.alloc(bodyBytes))
  const full = held()
  expect(full).toBeGreaterThanOrEqual(buffers.length * bodyBytes)
  buffers = []
  collectYoung()
  // By a thread of the collector, soon after.
  await expect.poll(held).toBeLessThan(full - (bodies * bodyBytes) / 2)
})
