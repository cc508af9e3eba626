import { expect, it } from 'vitest'
import { systemClock } from '../../../src/runtime/clock.ts'
import { StoppingError } from '../../../src/runtime/errors.ts'

it('sleep ends with the reason of the signal, before it and during it', async () => {
  const reason = new StoppingError('asked to stop')
  await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason)
  const stop = new AbortController()
  const sleeping = systemClock.sleep(60_000, stop.signal)
  stop.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
})
