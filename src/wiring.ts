import { createHash } from 'node:crypto'
import type { Json } from './changes/ledger.ts'
import type { Defect, Source } from './changes/source.ts'
import { createMysqlSource } from './cdc/source.ts'
import type { Config } from './config/config.ts'
import type { MatchConfig, SideConfig } from './config/match.ts'
import type { HttpSourceConfig } from './config/http-source.ts'
import type { MysqlSourceConfig } from './config/mysql-source.ts'
import { streamsOf } from './config/source-streams.ts'
import { calibrated, calibrationDocument } from './match/calibrate/calibration.ts'
import { canonicalJson } from './match/fingerprint.ts'
import { compileModel } from './match/model.ts'
import { createHttpSource, HostCircuits } from './poller/source.ts'
import type { Clock } from './runtime/clock.ts'
import { OperatorError, TransientError, type OperatorArea } from './runtime/errors.ts'
import type { Logger } from './runtime/logger.ts'
import type { StoredModel } from './state/models.ts'
import type { MatchPlan, SidePlan } from './warehouse/match-plan.ts'

/** A source, and what only some kinds of source can tell. */
export interface WiredSource {
  readonly source: Source
  readonly pendingDeletions?: () => number
  /** How it is compared with the warehouse in the background; null if not at all. */
  readonly audit?: { readonly everyMs: number; readonly rowsPerSecond: number } | null
}

interface Surroundings {
  readonly log: Logger
  readonly clock: Clock
  /** Whether sources go on for ever once they are up to date. */
  readonly follow: boolean
}

export function createSources(config: Config, surroundings: Surroundings): WiredSource[] {
  const circuits = new HostCircuits()
  return config.sources.map((source) => {
    switch (source.type) {
      case 'mysql':
        return { source: mysqlSource(config, source, surroundings), audit: source.audit }
      case 'http':
        return httpSource(source, { ...surroundings, circuits })
      default:
        return source satisfies never
    }
  })
}

function mysqlSource(
  config: Config,
  source: MysqlSourceConfig,
  { log, clock, follow }: Surroundings,
): Source {
  const joined = new Set(
    config.matches.flatMap(({ left, right }) => [...left.joins, ...right.joins].map(({ stream }) => stream)),
  )
  // Joined tables come first, so that records are complete when they are first matched.
  const tables = source.tables.toSorted((a, b) => Number(joined.has(b.stream)) - Number(joined.has(a.stream)))
  return createMysqlSource({
    name: source.name,
    url: source.url,
    tables: tables.map(({ table, stream, schemaChanges }) => ({ table, stream, schemaChanges })),
    chunkRows: source.snapshot.chunkRows,
    chunkBytes: source.snapshot.chunkBytes,
    zeroDates: source.zeroDates,
    tls: source.tls,
    follow,
    log: log.child({ source: source.name }),
    clock,
  })
}

function httpSource(
  settings: HttpSourceConfig,
  { log, clock, follow, circuits }: Surroundings & { readonly circuits: HostCircuits },
): WiredSource {
  const { columns, ...rest } = settings
  const source = createHttpSource({
    ...rest,
    follow,
    columns: columns.map(({ description, ...column }) =>
      description === null ? column : { ...column, comment: description },
    ),
    log: log.child({ source: settings.name }),
    ...{ clock, circuits },
  })
  return { source, pendingDeletions: () => source.pendingDeletions() }
}

/** Asks every source for its defects. Returns the warnings; throws one error that names all that must be mended. */
export async function checkSources(
  sources: readonly WiredSource[],
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<string[]> {
  const found = await Promise.all(
    sources.map(async ({ source }) => {
      const defects = await source.preflight(signal)
      return defects.map((defect) => ({ ...defect, source: source.name }))
    }),
  )
  const defects = found.flat()
  const warnings = defects.filter(({ severity }) => severity === 'warning')
  for (const { source, code, message, cure } of warnings) log.warn({ source, code, cure }, message)
  const fatal = defects.filter(({ severity }) => severity === 'fatal')
  const [only] = fatal
  if (only) {
    throw new OperatorError({
      area: areaOf(fatal),
      code: fatal.length === 1 ? only.code : 'preflight',
      message: fatal.map(({ source, message }) => named(source, message)).join('\n'),
      hint: fatal.map(({ cure }) => cure).join('\n'),
    })
  }
  return warnings.map(({ source, message, cure }) => `${named(source, message)} (${cure})`)
}

/** Messages of a source say by themselves which one, or do not. */
function named(source: string, message: string): string {
  return message.startsWith(`source ${source}`) ? message : `source ${source}: ${message}`
}

/** A server that cannot be reached, or refuses us, hides all else that may be wrong with it: it decides the exit code. */
function areaOf(fatal: readonly Defect[]): OperatorArea {
  if (fatal.some(({ cause }) => cause instanceof TransientError)) return 'server'
  const areas = fatal.flatMap(({ area, cause }) =>
    cause instanceof OperatorError ? [cause.area] : area === undefined ? [] : [area],
  )
  return areas[0] ?? 'configuration'
}

export function matchPlans(config: Config): MatchPlan[] {
  return config.matches.map((match) => matchPlan(match))
}

/**
 * Also of a match as it was stored with a version, which lost the order of its `fields`; `calibration` is what was learnt
 * from data beside it.
 */
export function matchPlan(
  match: MatchConfig,
  { fields = fieldNames(match), calibration = null }: { fields?: readonly string[]; calibration?: Json } = {},
): MatchPlan {
  const learnt = calibration === null ? null : calibrationDocument.parse(calibration)
  const { definition, tables } = learnt
    ? calibrated(match.model, learnt)
    : { definition: match.model, tables: {} }
  const { model, left, right } = match
  return {
    name: match.name,
    description: match.description,
    model: compileModel(definition, fields, tables),
    left: sidePlan(left),
    right: sidePlan(right),
    single: match.single,
    activity: match.activity,
    definition: JSON.parse(JSON.stringify(match)) as Json,
    origin: createHash('sha256').update(canonicalJson({ model, left, right })).digest('hex'),
    calibration,
  }
}

/** The plan of a version as it was stored. */
export function storedPlan({
  configured,
  fields,
  calibration,
}: Pick<StoredModel, 'configured' | 'fields' | 'calibration'>): MatchPlan {
  return matchPlan(storedMatch({ configured }), { fields, calibration })
}

/** The match as it was configured when a version was made. */
export const storedMatch = ({ configured }: Pick<StoredModel, 'configured'>): MatchConfig =>
  configured as unknown as MatchConfig

/** The fields of both sides, the left ones first, each once. */
function fieldNames({ left, right }: MatchConfig): readonly string[] {
  return [...new Set([...Object.keys(left.fields), ...Object.keys(right.fields)])]
}

function sidePlan({ stream, prefix, joins, fields }: SideConfig): SidePlan {
  return { stream, prefix, joins, fields: new Map(Object.entries(fields)) }
}

export function streamNames(config: Config): string[] {
  return config.sources.flatMap((source) => streamsOf(source).map(({ stream }) => stream))
}

/** The key of every stream, as its source has it now. */
export async function presentKeys(
  sources: readonly WiredSource[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const keys = await Promise.all(
    sources.map(async ({ source }) => [...((await source.keys?.(signal)) ?? [])]),
  )
  return new Map(keys.flat())
}

export function streamDescriptions(config: Config): ReadonlyMap<string, string> {
  const described = new Map<string, string>()
  for (const source of config.sources) {
    for (const { stream, description } of streamsOf(source)) {
      if (description !== null) described.set(stream, description)
    }
  }
  return described
}
