import { mustScore } from '../match/order.ts'

export const bits = (milliBits: number): string => (milliBits / 1000).toFixed(3)

/** The score of a stored pair. That of an accepted one only puts it above all others: as bits it would tell nothing. */
export const scoreText = (milliBits: number): string =>
  milliBits === mustScore ? 'accepted by a reviewer' : bits(milliBits)

/** The same behind the partner. */
export const heldText = (milliBits: number): string =>
  milliBits === mustScore ? `, ${scoreText(milliBits)}` : ` at ${bits(milliBits)}`
