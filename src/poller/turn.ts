import type { RevisitPlan } from './revisit-plan.ts'

/** What a source that follows does next. */
export type Turn =
  | { readonly kind: 'sweep' }
  | { readonly kind: 'read'; readonly page: number }
  /** `idle`: there is nothing to read before; else the gate is closed for so long. */
  | { readonly kind: 'wait'; readonly ms: number; readonly idle: boolean }

export interface Due {
  readonly now: number
  /** By the schedule, or since somebody asked. */
  readonly sweep: boolean
  /** Whether pages can be asked for by themselves. */
  readonly isAddressable: boolean
  /** Until a request could pass. */
  readonly gateMs: number
}

export function nextTurn(plan: RevisitPlan, { now, sweep, isAddressable, gateMs }: Due): Turn {
  if (sweep) return { kind: 'sweep' }
  const page = isAddressable ? plan.next(now) : null
  if (page !== null) return gateMs === 0 ? { kind: 'read', page } : { kind: 'wait', ms: gateMs, idle: false }
  const ms = plan.msToBound(now)
  // A page that cannot be asked for by itself takes a sweep to be read in time.
  return ms === 0 ? { kind: 'sweep' } : { kind: 'wait', ms, idle: true }
}
