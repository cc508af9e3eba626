import { shownPosition } from '../changes/position.ts'
import type { Config } from '../config/config.ts'
import type { Logger } from '../runtime/logger.ts'
import { Releasers } from '../runtime/releasers.ts'
import { findAudit, type AuditReport } from '../state/audits.ts'
import { readMatchFigures, type MatchFigures } from '../state/match-figures.ts'
import { readSourceStatus } from '../state/source-status.ts'
import { Session } from '../state/session.ts'
import { warehouseUrl } from './open-warehouse.ts'
import type { SourceReport } from './source-report.ts'

/** Told by nobody for longer than this, a source is not being read. */
const silentMs = 5_000

/** How Syncline is doing: what `status --json` prints. Times are ISO 8601 in UTC, durations milliseconds. */
export interface Status {
  /** Null when nobody leads. */
  readonly leader: { readonly holder: string; readonly term: string; readonly since: string } | null
  readonly sources: readonly SourceStatusLine[]
  readonly matches: readonly MatchStatusLine[]
  /** Records that wait to be re-matched. */
  readonly queued: number
  /** The last comparison of each stream with its source. */
  readonly audits: readonly AuditReport[]
  /** Open ones, by stream. */
  readonly deadLetters: Readonly<Record<string, number>>
}

export interface SourceStatusLine extends Partial<SourceReport> {
  readonly source: string
  readonly position: string | null
  /** When the position was committed last. */
  readonly positionAt: string | null
  /** Whether somebody reads it now; else the rest is what was told last. */
  readonly live: boolean
}

/** `state`: published, or building beside the published one, which one that is not wanted does for as long as it is there. */
export interface MatchStatusLine extends MatchFigures {
  readonly state: string
  /** Whether it is published as soon as it is whole, or is already; one that was only calibrated waits to be asked for. */
  readonly wanted: boolean
  readonly matched: number
}

/** Reads the status without taking part: needs no lease, and may run anywhere. */
export class StatusReader {
  readonly #session: Session
  readonly #releasers: Releasers

  private constructor(session: Session, releasers: Releasers) {
    this.#session = session
    this.#releasers = releasers
  }

  static async open(config: Config, log: Logger): Promise<StatusReader> {
    const releasers = new Releasers()
    try {
      const url = await warehouseUrl(config, { log, releasers })
      const session = await Session.connect({ url, applicationName: 'syncline status' })
      releasers.push(() => session.close())
      return new StatusReader(session, releasers)
    } catch (error) {
      await releasers.release()
      throw error
    }
  }

  /** Null when this warehouse has no state yet. */
  async read(): Promise<Status | null> {
    const session = this.#session
    const [present] = await session.one(`select to_regclass('syncline.source_status') is not null`)
    if (present !== 't') return null
    return session.transaction(async () => ({
      leader: await readLeader(session),
      sources: await readSources(session),
      matches: await readMatches(session),
      queued: Number((await session.one('select count(*) from syncline.match_queue'))[0]),
      audits: await readAudits(session),
      deadLetters: await readDeadLetters(session),
    }))
  }

  async close(): Promise<void> {
    await this.#releasers.release()
  }
}

async function readLeader(session: Session): Promise<Status['leader']> {
  const [row] = await session.query(
    `select l.holder, l.term, ${isoSql('l.acquired_at')} from syncline.lease l
      join syncline.heartbeat h on h.term = l.term and h.beaten_at > clock_timestamp() - interval '10 seconds'
     where exists (select from pg_stat_activity a
                    where a.application_name = 'syncline term ' || l.term and a.datname = current_database())`,
  )
  if (!row) return null
  const [holder, term, since] = row
  return { holder: holder ?? '', term: term ?? '', since: since ?? '' }
}

async function readSources(session: Session): Promise<SourceStatusLine[]> {
  const told = new Map((await readSourceStatus(session)).map((one) => [one.source, one]))
  const stored = await session.query(`select source, position, ${isoSql('updated_at')} from syncline.source`)
  const positions = new Map(stored.map(([source, position, at]) => [source ?? '', { position, at }]))
  return [...new Set([...told.keys(), ...positions.keys()])].toSorted().map((source) => {
    const report = told.get(source)
    const committed = positions.get(source)
    return {
      ...((report?.status ?? {}) as Partial<SourceReport>),
      source,
      position: committed?.position == null ? null : shownPosition(committed.position),
      positionAt: committed?.at ?? null,
      live: report !== undefined && report.ageMs < silentMs,
    }
  })
}

async function readMatches(session: Session): Promise<MatchStatusLine[]> {
  const rows = await session.query(
    `select m.model, m.state, m.wanted,
            (select count(*) from syncline.match_assignment a where a.model = m.model and a.side = 'l')
       from syncline.model m`,
  )
  const known = new Map(rows.map(([model, ...rest]) => [Number(model), rest]))
  return (await readMatchFigures(session)).map((figures) => {
    const [state, wanted, matched] = known.get(figures.model) ?? []
    return { ...figures, state: state ?? '', wanted: wanted === 't', matched: Number(matched ?? 0) }
  })
}

async function readAudits(session: Session): Promise<AuditReport[]> {
  const streams = await session.query('select stream from syncline.audit order by stream')
  const audits: AuditReport[] = []
  for (const [stream] of streams) {
    const audit = await findAudit(session, stream ?? '')
    if (audit) audits.push(audit)
  }
  return audits
}

async function readDeadLetters(session: Session): Promise<Record<string, number>> {
  const rows = await session.query(
    'select stream, count(*) from syncline.dead_letter where closed_at is null group by stream order by stream',
  )
  return Object.fromEntries(rows.map(([stream, count]) => [stream ?? '', Number(count)]))
}

function isoSql(expression: string): string {
  return `to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}
