import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The path of a file that ships with the package but is not compiled, the same from `src/` and from `dist/`. */
export function packageFile(...segments: readonly string[]): string {
  const manifest = createRequire(import.meta.url).resolve('#root/package.json')
  return join(dirname(manifest), ...segments)
}
