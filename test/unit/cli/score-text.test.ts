import { expect, test } from 'vitest'
import { heldText, scoreText } from '../../../src/cli/score-text.ts'
import { mustScore } from '../../../src/match/order.ts'

test('the score of an accepted pair reads as what it is, any other as bits', () => {
  expect([scoreText(mustScore), scoreText(-296)]).toEqual(['accepted by a reviewer', '-0.296'])
  expect([heldText(mustScore), heldText(17_259)]).toEqual([', accepted by a reviewer', ' at 17.259'])
})
