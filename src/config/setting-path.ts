/** Where a setting stands, for instance `['sources', 'vendor', 'page', 'first']`. */
export type SettingPath = readonly (string | number)[]

/** As it is written in messages: `sources.vendor.key[0]`. */
export function pathText(path: SettingPath): string {
  return path
    .map((part) => (typeof part === 'number' || /^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '')
}

/** The same for equal paths, whether an index came as a number or as text. */
export function pathKey(path: SettingPath): string {
  return JSON.stringify(path.map(String))
}

export function valueAt(value: unknown, path: SettingPath): unknown {
  return path.reduce<unknown>((current, part) => {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined
    return (current as Record<string | number, unknown>)[part]
  }, value)
}

/** Changes `value` in place; the way to the setting must exist. */
export function setAt(value: unknown, path: SettingPath, setting: unknown): void {
  const parent = valueAt(value, path.slice(0, -1))
  const last = path.at(-1)
  if (typeof parent === 'object' && parent !== null && last !== undefined) {
    ;(parent as Record<string | number, unknown>)[last] = setting
  }
}
