import type { Cause } from '../state/causes.ts'
import type { LiveMatch } from './match-plan.ts'
import type { Mirrors } from './matched-columns.ts'

/** What is shown of which match, and why. */
export interface Publication {
  readonly schema: string
  readonly match: LiveMatch
  readonly mirrors: Mirrors
  readonly cause: Cause
}
