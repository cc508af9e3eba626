import { expect, test } from 'vitest'
import { collectYoung } from '../../../src/runtime/memory.ts'

const bodies = 50
const bodyBytes = 100_000

const held = (): number => process.memoryUsage().arrayBuffers

/** What was held while there were buffers that are dead when it returns. */
function heldWithBodies(): number {
  const buffers = Array.from({ length: bodies }, () => Buffer.alloc(bodyBytes))
  const bytes = held()
  expect(bytes).toBeGreaterThanOrEqual(buffers.length * bodyBytes)
  return bytes
}

test('buffers that nobody holds are given back', async () => {
  const before = heldWithBodies()
  collectYoung()
  // By a thread of the collector, soon after.
  await expect.poll(held).toBeLessThan(before - (bodies * bodyBytes) / 2)
})
