import type { ConfigDocument } from './document.ts'
import { looksSecret, maskUrl, type Redactor } from './redactor.ts'
import type { Settings } from './schema.ts'
import { pathKey, type SettingPath } from './setting-path.ts'

const mask = '***'

/** Headers that never hold a secret; what any other one holds is not shown. */
const plainHeaders = new Set(['accept', 'accept-language', 'accept-encoding', 'content-type', 'user-agent'])

/** Names and numbers: they appear in every log line and are no secrets, wherever they come from. */
const plainSettings = new Set(['schema', 'as', 'stream', 'prefix', 'type', 'schedule', 'asOf', 'column'])

export interface Secretive {
  readonly settings: Settings
  readonly document: ConfigDocument
}

/** Tells the redactor all that may be secret in these settings. */
export function collectSecrets({ settings, document, redactor }: Secretive & { redactor: Redactor }): void {
  visit(settings, [], (value, path) => {
    const secrets = document.provenance.get(pathKey(path))?.secrets ?? []
    const isPlain = typeof value !== 'string' || plainSettings.has(String(path.at(-1)))
    const isUrl = typeof value === 'string' && URL.canParse(value) && urls.has(String(path.at(-1)))
    if (isUrl) redactor.addUrl(value)
    // The whole address is no secret without its password, and `localhost` none by itself.
    if (!isPlain && !(isUrl && secrets.includes(value))) for (const secret of secrets) redactor.add(secret)
    if (typeof value === 'string' && isSecretSetting(path)) redactor.add(value)
    if (typeof value === 'string' && isSecretHeader(path)) {
      redactor.add(value)
      redactor.add(value.split(/\s+/).at(-1) ?? value)
    }
    return value
  })
}

/** The settings with their defaults as they may be printed: references as they stand in the file, secrets masked. */
export function shownSettings({ settings, document }: Secretive): unknown {
  return visit(settings, [], (value, path) => {
    const reference = document.provenance.get(pathKey(path))?.reference
    if (typeof reference === 'string') return maskUrl(reference)
    if (typeof value !== 'string') return value
    if (isSecretSetting(path)) return mask
    if (isSecretHeader(path) || (looksSecret(String(path.at(-1))) && path.at(-2) === 'headers')) return mask
    return maskUrl(value)
  })
}

/** Settings that name an address, which may hold a password. */
const urls = new Set(['url', 'proxy', 'tokenUrl'])

/** What proves who we are, also when somebody has written it into the file. */
function isSecretSetting(path: SettingPath): boolean {
  return path.includes('auth') && ['bearer', 'password', 'clientSecret'].includes(String(path.at(-1)))
}

function isSecretHeader(path: SettingPath): boolean {
  return path.at(-2) === 'headers' && !plainHeaders.has(String(path.at(-1)).toLowerCase())
}

/** Rebuilds a value of maps and lists with its scalars replaced. */
function visit(
  value: unknown,
  path: SettingPath,
  scalar: (value: unknown, path: SettingPath) => unknown,
): unknown {
  if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index], scalar))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key], scalar)]),
    )
  }
  return scalar(value, path)
}
