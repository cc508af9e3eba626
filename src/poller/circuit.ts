/**
 * A circuit breaker: after many failures in a row nobody is asked for a while, then one request tries, and its answer
 * decides. Pure: time comes with the events. Source: M. Nygard, "Release It!", 2007.
 */
export type Circuit =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number; readonly openings: number }
  /** One request is on its way to try. */
  | { readonly kind: 'trying'; readonly openings: number; readonly sinceMs: number }

export type CircuitEvent =
  | { readonly kind: 'asked'; readonly now: number }
  | { readonly kind: 'answered'; readonly now: number }
  | { readonly kind: 'failed'; readonly now: number }
  /** Whoever asked does not wait for the answer any more. */
  | { readonly kind: 'given-up'; readonly now: number }

export const closedCircuit: Circuit = { kind: 'closed', failures: 0 }

/** One circuit for each host, whichever source asks it: they are down together. */
export class HostCircuits {
  readonly #circuits = new Map<string, Circuit>()

  of(host: string): Circuit {
    return this.#circuits.get(host) ?? closedCircuit
  }

  set(host: string, circuit: Circuit): void {
    this.#circuits.set(host, circuit)
  }
}

const failuresToOpen = 12
const firstPauseMs = 5_000
const longestPauseMs = 300_000

type Transitions = {
  readonly [State in Circuit['kind']]: {
    readonly [Event in CircuitEvent['kind']]: (
      state: Extract<Circuit, { kind: State }>,
      now: number,
    ) => Circuit
  }
}

const opened = (openings: number, now: number): Circuit => ({
  kind: 'open',
  untilMs: now + Math.min(longestPauseMs, firstPauseMs * 2 ** (openings - 1)),
  openings,
})

const transitions: Transitions = {
  closed: {
    asked: (state) => state,
    answered: () => closedCircuit,
    failed: ({ failures }, now) =>
      failures + 1 >= failuresToOpen ? opened(1, now) : { kind: 'closed', failures: failures + 1 },
    'given-up': (state) => state,
  },
  open: {
    asked: (state, now) =>
      now < state.untilMs ? state : { kind: 'trying', openings: state.openings, sinceMs: now },
    // Requests that were under way when it opened: an answer is as good as one that tried.
    answered: () => closedCircuit,
    failed: (state) => state,
    'given-up': (state) => state,
  },
  trying: {
    // Whoever tries may have died; another one tries after a while.
    asked: (state, now) => (now < state.sinceMs + longestPauseMs ? state : { ...state, sinceMs: now }),
    answered: () => closedCircuit,
    failed: ({ openings }, now) => opened(openings + 1, now),
    'given-up': ({ openings }, now) => ({ kind: 'open', untilMs: now, openings }),
  },
}

export function circuitAfter(circuit: Circuit, { kind, now }: CircuitEvent): Circuit {
  const row = transitions[circuit.kind] as Transitions['closed']
  return row[kind](circuit as Extract<Circuit, { kind: 'closed' }>, now)
}

/** Whether a request may go now, and if not, how long it has to wait. `asked` must be the event before. */
export function circuitWaitMs(before: Circuit, after: Circuit, now: number): number {
  if (after.kind === 'open') return Math.max(0, after.untilMs - now)
  const isItsTry = after.kind === 'trying' && (before.kind !== 'trying' || before.sinceMs !== after.sinceMs)
  return after.kind === 'closed' || isItsTry ? 0 : pollMs
}

/** How often those look again who wait for the answer of the one that tries. */
const pollMs = 250
