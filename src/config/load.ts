import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { toConfig, type Config } from './config.ts'
import { ConfigDocument } from './document.ts'
import { readVariable, type Environment } from './interpolate.ts'
import { problemsOf, rememberKnownKeys } from './issue-problems.ts'
import { matchSettings } from './match.ts'
import { checkMatch } from './match-checks.ts'
import { ConfigurationError, type Problem } from './problem.ts'
import { Redactor } from './redactor.ts'
import { settingsSchema, type Settings } from './schema.ts'
import { collectSecrets } from './secrets.ts'
import { findFiles } from './setting-files.ts'
import { pathKey, pathText, setAt, valueAt, type SettingPath } from './setting-path.ts'
import { checkNames, checkSince, checkSources } from './source-checks.ts'
import { knownStreams } from './streams.ts'

/** What flags say; they precede the environment and the file. */
export interface Overrides {
  /** `YYYY-MM-DD` */
  readonly asOf?: string | undefined
}

/** A configuration and what `config show` needs to print it. */
export interface Loaded {
  readonly config: Config
  readonly settings: Settings
  readonly document: ConfigDocument
}

/** Environment variables that precede the file. */
const variables: readonly { readonly variable: string; readonly path: SettingPath }[] = [
  { variable: 'WAREHOUSE_URL', path: ['warehouse', 'url'] },
  { variable: 'SYNCLINE_AS_OF', path: ['asOf'] },
]

/**
 * Reads, resolves and checks a configuration file. Throws one `ConfigurationError` that lists everything that is
 * wrong with it.
 */
export function loadConfig(path: string, environment: Environment, overrides: Overrides = {}): Config {
  return loadSettings(path, environment, overrides).config
}

export function loadSettings(path: string, environment: Environment, overrides: Overrides = {}): Loaded {
  const document = new ConfigDocument({ file: path, source: readSource(path), environment })
  if (document.value === null && document.problems.length > 0) throw new ConfigurationError(document.problems)
  const fromOutside = applyOverrides(document, environment, overrides)
  const parsed = parse(document)
  const { settings } = parsed
  const problems = parsed.problems.map((problem) => blameVariable(problem, document))
  const streams = knownStreams(document.value)
  const all = [
    ...document.problems,
    ...fromOutside,
    ...problems,
    ...checkNames(streams, Object.keys(mapAt(document.value, 'matches')), document),
    ...checkSources(streams, document),
    ...checkSince(document),
    ...checkMatches(document, streams),
  ]
  const files = settings && findFiles(settings, dirname(resolve(path)), document)
  all.push(...(files?.problems ?? []))
  if (!settings || !files || all.length > 0) throw new ConfigurationError(all)
  const redactor = new Redactor()
  collectSecrets({ settings, document, redactor })
  return {
    config: toConfig({ path: resolve(path), settings, views: files.views, redactor }),
    settings,
    document,
  }
}

function readSource(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    const message = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`
    throw new ConfigurationError([{ file: path, line: 1, column: 1, path: '', message }], {
      code: 'configuration-unreadable',
      hint: 'name the configuration with --config FILE, or run in the folder of syncline.yaml',
    })
  }
}

function applyOverrides(document: ConfigDocument, environment: Environment, { asOf }: Overrides): Problem[] {
  const root = document.value
  if (typeof root !== 'object' || root === null) return []
  const problems = variables.flatMap(({ variable, path }) => {
    const found = readVariable(variable, environment)
    if ('problem' in found) return [document.problem({ path, message: found.problem })]
    if (found.value === undefined || found.value === '') return []
    const [section, setting] = path
    if (setting !== undefined && valueAt(root, path.slice(0, 1)) === undefined)
      setAt(root, [section ?? ''], {})
    setAt(root, path, found.value)
    document.provenance.set(pathKey(path), { reference: `\${${variable}}`, secrets: [found.value] })
    return []
  })
  if (asOf !== undefined) {
    setAt(root, ['asOf'], asOf)
    document.provenance.delete(pathKey(['asOf']))
  }
  return problems
}

/**
 * What a variable sets is not wrong in the file. Only where the file says nothing itself: a reference in it has a
 * place there that is worth naming.
 */
function blameVariable(problem: Problem, document: ConfigDocument): Problem {
  const from = variables.find(
    ({ variable, path }) =>
      pathText(path) === problem.path &&
      document.provenance.get(pathKey(path))?.reference === `\${${variable}}`,
  )
  return from === undefined ? problem : { ...problem, from: from.variable }
}

interface Parsed {
  readonly settings: Settings | null
  readonly problems: readonly Problem[]
}

function parse(document: ConfigDocument): Parsed {
  const { value } = document
  if (value === null) {
    return { settings: null, problems: [document.problem({ path: [], message: 'the file is empty' })] }
  }
  let result = settingsSchema.safeParse(value, { error: rememberKnownKeys })
  if (!result.success && typeScalars(result.error.issues, document)) {
    result = settingsSchema.safeParse(value, { error: rememberKnownKeys })
  }
  if (result.success) return { settings: result.data, problems: [] }
  return {
    settings: null,
    problems: result.error.issues.flatMap((issue) => problemsOf(issue, { document, value })),
  }
}

/**
 * What comes from the environment is text. Where the schema wants a number or a truth value, and nowhere else, the
 * text is read as one: a password of digits stays text.
 */
function typeScalars(
  issues: readonly { code: string; path: PropertyKey[]; expected?: unknown }[],
  document: ConfigDocument,
): boolean {
  let changed = false
  for (const { code, path, expected } of issues) {
    const at = path.map((part) => (typeof part === 'symbol' ? String(part) : part))
    const text = valueAt(document.value, at)
    if (code !== 'invalid_type' || typeof text !== 'string' || !document.fromReference.has(pathKey(at)))
      continue
    const typed =
      expected === 'boolean'
        ? truthValue(text)
        : expected === 'number' || expected === 'int'
          ? numberValue(text)
          : text
    if (typed === text) continue
    setAt(document.value, at, typed)
    changed = true
  }
  return changed
}

function truthValue(text: string): unknown {
  return text === 'true' ? true : text === 'false' ? false : text
}

function numberValue(text: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

/** Each match by itself, and without its unknown keys, so that one mistake does not hide another. */
function checkMatches(document: ConfigDocument, streams: ReturnType<typeof knownStreams>): Problem[] {
  return Object.entries(mapAt(document.value, 'matches')).flatMap(([name, value]) => {
    const known = structuredClone(value)
    const first = matchSettings.safeParse(known)
    for (const issue of first.error?.issues ?? []) {
      if (issue.code !== 'unrecognized_keys') continue
      const at = valueAt(known, issue.path.map(String)) as Record<string, unknown>
      for (const key of issue.keys) Reflect.deleteProperty(at, key)
    }
    const { data: settings } = matchSettings.safeParse(known)
    return settings ? checkMatch({ name, settings, streams, document }) : []
  })
}

function mapAt(value: unknown, key: string): Record<string, unknown> {
  const map = valueAt(value, [key])
  return typeof map === 'object' && map !== null && !Array.isArray(map)
    ? (map as Record<string, unknown>)
    : {}
}
