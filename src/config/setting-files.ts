import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { ConfigDocument } from './document.ts'
import type { Problem } from './problem.ts'
import type { Settings } from './schema.ts'
import type { SettingPath } from './setting-path.ts'

export interface SettingFiles {
  /** Absolute, in bytewise order within each pattern. */
  readonly views: readonly string[]
  readonly problems: readonly Problem[]
}

/** The files that a configuration names; those that are not there are problems. */
export function findFiles(settings: Settings, directory: string, document: ConfigDocument): SettingFiles {
  const problems: Problem[] = []
  const patterns: [SettingPath, string][] =
    typeof settings.views === 'string'
      ? [[['views'], settings.views]]
      : settings.views.map((pattern, index) => [['views', index], pattern])
  const views = patterns.flatMap(([path, pattern]) => {
    const files = expand(resolve(directory, pattern))
    if (files.length === 0) problems.push(document.problem({ path, message: 'no file has this name' }))
    return files
  })
  for (const [path, file] of singleFiles(settings)) {
    if (!existsSync(resolve(directory, file))) {
      problems.push(document.problem({ path, message: 'there is no such file' }))
    }
  }
  return { views: [...new Set(views)], problems }
}

/** `*` and `?` in the last part of a path; the whole of Node's own glob is not in every Node that we run on. */
function expand(pattern: string): string[] {
  const directory = dirname(pattern)
  if (!/[*?]/.test(basename(pattern))) return existsSync(pattern) ? [pattern] : []
  const source = basename(pattern)
    .replace(/[\\^$.+()[\]{}|]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  const wanted = new RegExp(`^(?!\\.)${source}$`, 's')
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && wanted.test(entry.name))
    .map((entry) => resolve(directory, entry.name))
    .sort()
}

function singleFiles(settings: Settings): [SettingPath, string][] {
  const files: [SettingPath, string | undefined][] = [[['report'], settings.report]]
  for (const [name, source] of Object.entries(settings.sources)) {
    if (source.type !== 'mysql' || !source.tls) continue
    const { ca, cert, key } = source.tls
    for (const [setting, file] of Object.entries({ ca, cert, key })) {
      files.push([['sources', name, 'tls', setting], file])
    }
  }
  return files.filter((entry): entry is [SettingPath, string] => entry[1] !== undefined)
}
