import type { NamedCalibration } from '../daemon/calibrate-match.ts'
import { textTable } from './text-table.ts'

type Setting = NamedCalibration['calibration']['levels'][string][string]

/** What was learnt, as people read it: every level with its chances, and those before. */
export function calibrationText(report: NamedCalibration): string {
  const { match, model, before, calibration, rules, randomPairs, matches, untaught } = report
  const few = Object.entries(matches).filter(([, count]) => count < fewMatches)
  const rows = Object.entries(calibration.levels).flatMap(([field, levels]) =>
    Object.entries(levels).map(([level, setting]) => {
      const was = before[field]?.[level as keyof (typeof before)[string]]
      const known = was && !('weight' in was) ? was : null
      return [
        `${field} ${level}`,
        chance(setting.m),
        known ? chance(known.m) : '-',
        uText(setting),
        known ? uText(known) : '-',
      ]
    }),
  )
  return [
    `Learnt from the records of ${match}, model ${model}`,
    '',
    ...textTable([['level', 'm', 'configured', 'u', 'configured'], ...rows]),
    '',
    `u from ${grouped.format(randomPairs)} random pairs, m from the pairs of these blocking rules:`,
    ...rules.map(({ key, pairs, share }) => {
      const found = share === null ? 'too few matches to learn from' : `${chance(share)} of them matches`
      return `  ${key.join(' + ')}: ${grouped.format(pairs)} pairs, ${found}`
    }),
    ...(untaught.length === 0
      ? []
      : [`m as configured, since no rule could tell it: ${untaught.join(', ')}`]),
    ...few.map(
      ([field, count]) =>
        `m of ${field} was learnt from about ${grouped.format(count)} matches only: that is little to go by`,
    ),
    ...Object.entries(calibration.frequencies).map(([field, { values }]) => {
      const listed = Object.values(values).reduce((sum, names) => sum + names.length, 0)
      return `frequencies of ${field}: ${grouped.format(listed)} values`
    }),
    '',
  ].join('\n')
}

/** By fewer, the m of a level that one match in a hundred has is not known to a quarter. */
const fewMatches = 2_000

const grouped = new Intl.NumberFormat('en-US')

const chance = (value: number): string => value.toPrecision(3)

function uText(setting: Setting): string {
  return 'u' in setting ? chance(setting.u) : `${chance(setting.uTimesShare)} x share`
}
