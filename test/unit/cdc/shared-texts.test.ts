import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SharedTexts } from '../../../src/cdc/rows/shared-texts.ts'

it('a shared text is the text that was given, whatever came before it', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 4 }),
    fc.string({ maxLength: 40 }),
  )
  fc.assert(
    fc.property(fc.array(text, { maxLength: 200 }), (texts) => {
      const shared = new SharedTexts()
      expect(texts.map((one) => shared.share(one))).toEqual(texts)
    }),
  )
})
