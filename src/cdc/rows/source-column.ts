/** A column as `information_schema` describes it. */
export interface SourceColumn {
  readonly name: string
  /** Lower case, without length and attributes: `varchar`. */
  readonly dataType: string
  /** As declared: `int(10) unsigned zerofill`. */
  readonly columnType: string
  /** In characters, or in bytes for binary types. */
  readonly length: number | null
  readonly precision: number | null
  readonly scale: number | null
  /** Digits of the seconds' fraction. */
  readonly fraction: number
  readonly nullable: boolean
  readonly comment: string | null
  /** The text is checked to be JSON, which is how MariaDB stores it. */
  readonly checkedJson: boolean
}

export function isUnsigned({ columnType }: SourceColumn): boolean {
  return /\bunsigned\b/i.test(columnType) || isZerofill({ columnType })
}

export function isZerofill({ columnType }: Pick<SourceColumn, 'columnType'>): boolean {
  return /\bzerofill\b/i.test(columnType)
}

/** The members of an ENUM or SET in their order, commas and quotes in them included. */
export function labelsOf({ columnType }: Pick<SourceColumn, 'columnType'>): string[] {
  const labels: string[] = []
  for (const match of columnType.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs)) {
    labels.push(
      (match[1] ?? '').replaceAll("''", "'").replace(/\\(.)/gs, (_, escaped: string) => unescape(escaped)),
    )
  }
  return labels
}

function unescape(character: string): string {
  const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0', Z: '\x1a' }
  return controls[character] ?? character
}
