import type { Config } from '../config/config.ts'
import { verifyMatch, type Comparison, type MatchVerification } from '../match/verify.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Session } from '../state/session.ts'
import { readStreams } from '../state/streams.ts'
import { shownHash } from '../warehouse/matched-table.ts'
import { mirrorsOf } from '../warehouse/mirror-table.ts'
import { verifyRecords, verifyTable } from '../warehouse/verify-records.ts'
import { matchPlans } from '../wiring.ts'
import { readVersion, withWarehouse, type StoredVersion } from './published-match.ts'

export interface NamedVerification extends MatchVerification {
  readonly match: string
  readonly model: number
  /** The match's own records, to the mirrors. */
  readonly records: Comparison
  /** The matched table, to match and records; null while it still has the columns of another configuration. */
  readonly table: Comparison | null
}

/**
 * Compares every stage of the published match with what is made anew of the one before it, all as of one moment while
 * changes go on: the version that is published then, too. Needs no lease.
 */
export async function verifyPublishedMatch(
  config: Config,
  { match, log, signal }: { match: string; log: Logger; signal: AbortSignal },
): Promise<NamedVerification> {
  return withWarehouse(config, { purpose: 'verify', log }, (session) =>
    session.transaction(async () => {
      const version = await readVersion(session, config, { match })
      const { records, table } = await verifyEnds(session, config, version)
      const batch = await verifyMatch(session, version, signal)
      return { match: version.plan.name, model: version.model, records, ...batch, table }
    }, 'repeatable read'),
  )
}

/** Of the first stage and the last. */
async function verifyEnds(
  session: Session,
  config: Config,
  { model, plan, stored }: StoredVersion,
): Promise<Pick<NamedVerification, 'records' | 'table'>> {
  const { schema } = config.warehouse
  const mirrors = mirrorsOf(schema, await readStreams(session))
  // What is only shown is as configured now, whatever it was when the version was made.
  const shown = [plan, ...matchPlans(config).filter(({ name }) => name === plan.name)].find(
    (one) => shownHash(one, mirrors) === stored.shown,
  )
  const verified = { schema, mirrors, model }
  return {
    records: await verifyRecords(session, { ...verified, plan }),
    table: shown ? await verifyTable(session, { ...verified, plan: shown }) : null,
  }
}
