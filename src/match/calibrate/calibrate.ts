import { OperatorError } from '../../runtime/errors.ts'
import { copyInto } from '../../state/copy.ts'
import { eachPiece } from '../../state/cursor.ts'
import type { Side } from '../../state/key-table.ts'
import { fieldsSql } from '../../state/matches.ts'
import type { Session } from '../../state/session.ts'
import { planModel, type FrequencyTables } from '../compile.ts'
import type { ModelDefinition } from '../definition.ts'
import { compileModel, type Model, type Prepared } from '../model.ts'
import { bucketed, calibrated, type Calibration } from './calibration.ts'
import { fitMixture, type LevelCounts, type LevelPattern, type LevelShares } from './em.ts'
import { learntLevels, learntU, startingM } from './learnt-levels.ts'
import { comparedFields, countRandomPairs, levelsOf } from './random-pairs.ts'
import { trainingRules, type TrainingRule } from './training-rules.ts'

/** Records of each side that are paired at random, and with how many each. */
const sampledRecords = 4_000
const pairsPerSampled = 250
/** What fewer say of frequencies and chances is chance itself. */
const leastRecords = 100
/** Values listed in a frequency table; the others share one rarity. */
const listedValues = 10_000
/** Of keys and pairs from which m is learnt; of one block only so many pairs, or the largest would be all there is. */
const keyRowsPerRule = 50_000
const pairsPerBlock = 2_000
const pairsPerRule = 300_000
/** What the configured u counts for while m is learnt, as a share of the random pairs. */
const startingPriorShare = 0.001
/** A rule with fewer expected matches says nothing. */
const leastMatches = 50

export interface RuleReport {
  readonly key: readonly string[]
  readonly pairs: number
  /** Share of its pairs that are matches; null when there were too few to tell. */
  readonly share: number | null
}

export interface CalibrationReport {
  readonly calibration: Calibration
  readonly rules: readonly RuleReport[]
  readonly randomPairs: number
  /** Field → about how many matches taught its m; none for those that are `untaught`. */
  readonly matches: Readonly<Record<string, number>>
  /** Fields whose m stays as configured, since no rule leaves them out or found enough matches. */
  readonly untaught: readonly string[]
}

export interface CalibratedVersion {
  /** The number of the stored version, and what it was made from. */
  readonly model: number
  readonly definition: ModelDefinition
  readonly fields: readonly string[]
  readonly signal: AbortSignal
}

/**
 * Learns a calibration from the records of a stored version, as of one moment while changes go on: how common values
 * are by counting, u from random pairs, m by EM from the pairs of one blocking rule after the other. Postgres counts and
 * joins, samples are bounded: memory does not grow with the records. Writes temporary tables only.
 */
export async function calibrate(session: Session, version: CalibratedVersion): Promise<CalibrationReport> {
  const { definition, fields } = version
  return session.transaction(async () => {
    const frequencies = await countValues(session, version)
    const { tables } = calibrated(definition, { levels: {}, frequencies })
    const model = compileModel(definition, fields, tables)
    const sample = {
      left: await sampleRecords(session, version, { model, side: 'l' }),
      right: await sampleRecords(session, version, { model, side: 'r' }),
    }
    if (Math.min(sample.left.length, sample.right.length) < leastRecords) throw tooFewRecords()
    const random = countRandomPairs(model, sample, pairsPerSampled)
    const plans = planModel(definition, fields, tables).fields
    const start = plans.map(({ levels }) => startingM(levels))
    const u = plans.map(({ levels }, place) =>
      learntU(levels, random.counts[place] ?? {}, startingPriorShare),
    )
    const rules = trainingRules(definition.block, comparedFields(model), u)
    const { reports, expected } = await learnM(session, version, { tables, rules, start, u })
    const levels = plans.map(({ name, levels: settings }, place) => [
      name,
      learntLevels(settings, {
        expected: expected[place] ?? {},
        counts: random.counts[place] ?? {},
        inverseShares: random.inverseShares[place] ?? {},
      }),
    ])
    return {
      calibration: { levels: Object.fromEntries(levels) as Calibration['levels'], frequencies },
      rules: reports,
      randomPairs: random.pairs,
      matches: Object.fromEntries(
        plans.flatMap(({ name }, place) => {
          const taught = Object.values(expected[place] ?? {})
          return taught.length === 0
            ? []
            : [[name, Math.round(taught.reduce((sum, n) => sum + n, 0))] as const]
        }),
      ),
      untaught: plans.flatMap(({ name }, place) =>
        Object.keys(expected[place] ?? {}).length === 0 ? [name] : [],
      ),
    }
  }, 'repeatable read')
}

/** How common the values of fields with a frequency table are, on the side with more records. */
async function countValues(
  session: Session,
  version: CalibratedVersion,
): Promise<Calibration['frequencies']> {
  const { model: number, definition, fields, signal } = version
  const tabled = planModel(definition, fields).fields.filter(({ table }) => table !== null)
  const model = compileModel(definition, fields)
  const [side] = await session.one(
    `select case when count(*) filter (where side = 'l') >= count(*) filter (where side = 'r') then 'l' else 'r' end
       from syncline.match_record_${number}`,
  )
  await session.query(
    'create temporary table calibration_value (field integer, value text collate "C") on commit drop',
  )
  const query = `select ${fieldsSql('record', fields.length)} from syncline.match_record_${number} record where side = $1`
  for await (const rows of eachPiece(session, { query, values: [side ?? 'l'], signal })) {
    const values = rows.flatMap((row) => {
      const record = model.prepare(row)
      return tabled.flatMap(({ index }) => {
        const value = record.values[index]
        return value ? [[String(index), value.text.replaceAll(' ', '')]] : []
      })
    })
    await copyInto(session, 'calibration_value (field, value)', values)
  }
  const frequencies: Calibration['frequencies'] = {}
  for (const { name, index } of tabled) {
    const [total, distinct] = await session.one(
      'select count(*), count(distinct value) from calibration_value where field = $1',
      [index],
    )
    if (total === '0') continue
    const counts = await session.query(
      `select value, count(*) from calibration_value where field = $1
        group by value having count(*) > 1 order by count(*) desc, value limit ${listedValues}`,
      [index],
    )
    frequencies[name] = bucketed(
      counts.map(([value, count]) => [value ?? '', Number(count)] as const),
      { total: Number(total), distinct: Number(distinct) },
    )
  }
  return frequencies
}

/** By hash: a fair sample, and the same one for the same records. */
async function sampleRecords(
  session: Session,
  { model: number, fields }: CalibratedVersion,
  { model, side }: { model: Model; side: Side },
): Promise<Prepared[]> {
  const rows = await session.query(
    `select ${fieldsSql('record', fields.length)} from syncline.match_record_${number} record
      where side = $1 order by hashtextextended(id, 0), id limit ${sampledRecords}`,
    [side],
  )
  return rows.map((row) => model.prepare(row))
}

interface Training {
  readonly tables: FrequencyTables
  readonly rules: readonly TrainingRule[]
  readonly start: readonly LevelShares[]
  readonly u: readonly LevelShares[]
}

/** Runs EM over the pairs of each rule by itself; what is expected of each field is added up over the rules. */
async function learnM(
  session: Session,
  version: CalibratedVersion,
  { tables, rules, start, u }: Training,
): Promise<{ reports: RuleReport[]; expected: LevelCounts[] }> {
  const expected = start.map((): Record<string, number> => ({}))
  const reports: RuleReport[] = []
  if (rules.length === 0) return { reports, expected }
  const block = rules.map(({ key, unordered }) => ({ key: [...key], unordered }))
  const model = compileModel({ ...version.definition, block }, version.fields, tables)
  for (const side of ['l', 'r'] as const) await makeTrainingKeys(session, version, { model, side })
  await session.query('create index on calibration_key (rule, key, side)')
  await session.query('analyze calibration_key')
  for (const [number, { key, taught }] of rules.entries()) {
    const patterns = await countPatterns(session, version, { model, number, taught })
    const pairs = patterns.reduce((sum, { count }) => sum + count, 0)
    const of = <T>(all: readonly T[]): T[] => taught.flatMap((place) => all[place] ?? [])
    const mixture = fitMixture(patterns, { m: of(start), u: of(u) })
    const tells = mixture.share * pairs >= leastMatches
    if (tells) {
      for (const [i, counts] of mixture.expected.entries()) addAll(expected[taught[i] ?? -1] ?? {}, counts)
    }
    reports.push({ key, pairs, share: tells ? mixture.share : null })
  }
  return { reports, expected }
}

/** The keys of every rule, of whole blocks so that pairs stay together: one block in so many, by hash. */
async function makeTrainingKeys(
  session: Session,
  { model: number, fields, signal }: CalibratedVersion,
  { model, side }: { model: Model; side: Side },
): Promise<void> {
  const [records] = await session.one(`select count(*) from syncline.match_record_${number}`)
  const everyNth = Math.max(1, Math.floor(Number(records) / keyRowsPerRule))
  await session.query(
    'create temporary table if not exists calibration_key (rule integer, key bigint, side "char", id text collate "C") on commit drop',
  )
  const query = `select id, ${fieldsSql('record', fields.length)} from syncline.match_record_${number} record where side = $1`
  for await (const rows of eachPiece(session, { query, values: [side], signal })) {
    const keys = rows.flatMap(([id, ...values]) =>
      model
        .keysByPass(model.prepare(values))
        .flatMap((ofRule, rule) =>
          ofRule
            .filter((key) => key % everyNth === 0)
            .map((key) => [String(rule), String(key), side, id ?? '']),
        ),
    )
    await copyInto(session, 'calibration_key (rule, key, side, id)', keys)
  }
}

/** How often each combination of levels of the taught fields occurs among the rule's pairs. */
async function countPatterns(
  session: Session,
  { model: version, fields, signal }: CalibratedVersion,
  { model, number, taught }: { model: Model; number: number; taught: readonly number[] },
): Promise<LevelPattern[]> {
  const patterns = new Map<string, { levels: (string | null)[]; count: number }>()
  const query = `select ${fieldsSql('ours', fields.length)}, ${fieldsSql('theirs', fields.length)}
      from (select pair.l, pair.r
              from (select distinct key from calibration_key where rule = $1 and side = 'r') block
             cross join lateral (
               select l.key, l.id as l, r.id as r
                 from calibration_key l join calibration_key r on r.rule = l.rule and r.key = l.key
                where l.rule = $1 and l.key = block.key and l.side = 'l' and r.side = 'r'
                order by l.id, r.id limit ${pairsPerBlock}) pair
             order by pair.key, pair.l, pair.r limit ${pairsPerRule}) pair
      join syncline.match_record_${version} ours on ours.side = 'l' and ours.id = pair.l
      join syncline.match_record_${version} theirs on theirs.side = 'r' and theirs.id = pair.r`
  for await (const rows of eachPiece(session, { query, values: [number], signal })) {
    for (const row of rows) {
      const [left, right] = [
        model.prepare(row.slice(0, fields.length)),
        model.prepare(row.slice(fields.length)),
      ]
      const all = levelsOf(model, left, right).levels
      const levels = taught.map((place) => all[place] ?? null)
      const label = levels.join(' ')
      const known = patterns.get(label)
      if (known) known.count++
      else patterns.set(label, { levels, count: 1 })
    }
  }
  return [...patterns.values()]
}

function addAll(sums: Record<string, number>, counts: LevelCounts): void {
  for (const [level, count] of Object.entries(counts)) sums[level] = (sums[level] ?? 0) + count
}

function tooFewRecords(): OperatorError {
  return new OperatorError({
    area: 'data',
    code: 'too-little-to-learn-from',
    message: `a side of the match has fewer than ${leastRecords} records`,
    hint: 'calibrate when both sides are loaded, or state the weights in the configuration',
  })
}
