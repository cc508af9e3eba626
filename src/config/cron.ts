interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly names: readonly string[]
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const fields: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of the month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: months },
  { name: 'day of the week', min: 0, max: 7, names: days },
]

/** What is wrong with a cron expression of five fields, or null. */
export function cronProblem(expression: string): string | null {
  const parts = expression.trim().split(/\s+/)
  if (parts.length !== fields.length) {
    return 'must have five fields: minute, hour, day of the month, month, day of the week'
  }
  for (const [index, field] of fields.entries()) {
    if (!isField(parts[index] ?? '', field)) {
      return `has a wrong ${field.name}: expected *, ${field.min}-${field.max}, lists or steps`
    }
  }
  return null
}

function isField(part: string, field: Field): boolean {
  return part.split(',').every((item) => {
    const [range = '', step, ...rest] = item.split('/')
    if (rest.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) return false
    if (range === '*') return true
    const [first, last, ...more] = range.split('-').map((value) => numberOf(value, field))
    if (more.length > 0 || first === undefined || first === null || last === null) return false
    return last === undefined || first <= last
  })
}

function numberOf(value: string, field: Field): number | null {
  const named = field.names.indexOf(value.toLowerCase())
  if (named >= 0) return named + field.min
  if (!/^\d+$/.test(value)) return null
  const number = Number(value)
  return number >= field.min && number <= field.max ? number : null
}
