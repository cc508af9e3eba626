import { describe, expect, it } from 'vitest'
import { surnameChannel } from '../../../bench/accuracy/channel.ts'
import { isCorrect } from '../../../bench/accuracy/curve.ts'
import { oneToOne } from '../../../bench/accuracy/one-to-one.ts'
import { readInternal, readVendor } from '../../../bench/accuracy/population.ts'
import { posteriorOf } from '../../../bench/accuracy/posterior.ts'
import { generate } from '../../../examples/vendor-match/generate.ts'
import { surnames } from '../../../examples/vendor-match/names.ts'
import { misspell } from '../../../examples/vendor-match/typo.ts'

describe('the best possible knowledge of who is who', () => {
  it('takes a slip for as likely as the generator makes it', () => {
    const [base, name] = ['Anna', surnames.names.indexOf('Hanna')]
    expect(name).toBeGreaterThan(-1)
    const outcomes = new Map<string, number>()
    const surname = surnames.names[name] ?? ''
    for (let kind = 0; kind < 4; kind++) {
      for (let place = 0; place < surname.length; place++) {
        for (let letter = 0; letter < 25; letter++) {
          const text = misspell(surname, (_, step) => [kind, place, letter][step] ?? 0).toLowerCase()
          outcomes.set(text, (outcomes.get(text) ?? 0) + 1 / (4 * surname.length * 25))
        }
      }
    }
    const channel = surnameChannel(new Set(outcomes.keys()))
    expect(outcomes.has(base.toLowerCase())).toBe(true)
    for (const [text, share] of outcomes) {
      const origin = channel.origins(text).find((one) => one.name === name)
      // Not replaced by another surname, and not doubled: left alone, or with a suffix, which normalising drops.
      expect(origin?.chance).toBeCloseTo(0.98 * (0.98 + 0.02 / 4) * 0.03 * share, 12)
    }
  })

  it('is right as often as it says', () => {
    const data = generate({ internal: 60_000, vendor: 20_000, dirty: true, seed: 21 })
    const [internal, vendor] = [readInternal(data), readVendor(data)]
    const posterior = posteriorOf(internal, vendor, { dates: false })
    const chances = oneToOne(posterior)
    const bins = Array.from({ length: 5 }, () => ({ said: 0, right: 0, spread: 0 }))
    for (const [place, record] of vendor.entries()) {
      for (let edge = posterior.starts[place] ?? 0; edge < (posterior.starts[place + 1] ?? 0); edge++) {
        const chance = chances[edge] ?? 0
        const bin = bins[Math.min(4, Math.floor(chance * 5))]
        // Of a person with several records only one can be meant.
        if (!bin || !record.decidable) continue
        bin.said += chance
        bin.spread += chance * (1 - chance)
        if (isCorrect(internal, record, posterior.internal[edge] ?? 0)) bin.right++
      }
    }
    for (const { said, right, spread } of bins) {
      expect(said).toBeGreaterThan(20)
      expect(Math.abs(right - said)).toBeLessThan(4 * Math.sqrt(spread) + 0.03 * said)
    }
  }, 60_000)
})
