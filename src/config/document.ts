import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import { interpolate, type Environment } from './interpolate.ts'
import type { Problem } from './problem.ts'
import { pathKey, pathText, type SettingPath } from './setting-path.ts'
import { shieldReferences, unshield } from './shield.ts'

/** A value that came, in whole or in part, from the environment. */
export interface Provenance {
  /** As it stands in the file, for instance `${WAREHOUSE_URL}`: what may be shown of it. */
  readonly reference: string
  readonly secrets: readonly string[]
}

interface Offsets {
  readonly key: number | null
  readonly value: number
}

const deepest = 50
const mostNodes = 100_000

/** A parsed YAML file that remembers where each of its settings stands and which came from the environment. */
export class ConfigDocument {
  readonly problems: Problem[] = []
  /** Plain objects, lists and scalars, references resolved. */
  readonly value: unknown
  readonly provenance = new Map<string, Provenance>()
  /** Settings with a reference, whether the environment or the default in it gave the value. */
  readonly fromReference = new Set<string>()
  /** Settings with a reference that could not be resolved: nothing more is to be said about their values. */
  readonly unresolved = new Set<string>()
  readonly #file: string
  readonly #source: string
  readonly #environment: Environment
  readonly #lines = new LineCounter()
  readonly #offsets = new Map<string, Offsets>()
  readonly #document: Document
  #nodes = 0

  constructor({ file, source, environment }: { file: string; source: string; environment: Environment }) {
    this.#file = file
    this.#source = source
    this.#environment = environment
    this.#document = parseDocument(shieldReferences(source), {
      lineCounter: this.#lines,
      prettyErrors: false,
      version: '1.2',
    })
    for (const { pos, code, message } of [...this.#document.errors, ...this.#document.warnings]) {
      const what = code === 'DUPLICATE_KEY' ? 'this key stands here twice' : unshield(message)
      this.#report({ offset: pos[0], path: [], message: what })
    }
    this.value =
      this.problems.length > 0 ? null : this.#read(this.#document.contents, { path: [], key: null })
  }

  /** A problem of the setting at `path`, placed at its value, at its key, or where what contains it begins. */
  problem({
    path,
    message,
    at = 'value',
  }: {
    path: SettingPath
    message: string
    at?: 'key' | 'value'
  }): Problem {
    for (let length = path.length; length > 0; length--) {
      const offsets = this.#offsets.get(pathKey(path.slice(0, length)))
      if (!offsets) continue
      // What is missing is missing from the map that its key names.
      const offset = at === 'key' || length < path.length ? (offsets.key ?? offsets.value) : offsets.value
      return this.#place({ offset, path, message })
    }
    return this.#place({ offset: 0, path, message })
  }

  /** Those words that may stand in a message: none that holds anything from the environment. */
  showable(words: readonly string[]): string[] {
    const secrets = [...this.provenance.values()].flatMap((value) => value.secrets)
    return words.filter((word) => !secrets.some((secret) => word.includes(secret)))
  }

  #read(node: Node | null, { path, key }: { path: SettingPath; key: number | null }): unknown {
    const target = isAlias(node) ? (node.resolve(this.#document) ?? null) : node
    this.#offsets.set(pathKey(path), { key, value: node?.range?.[0] ?? key ?? 0 })
    if (++this.#nodes > mostNodes || path.length > deepest) {
      if (this.problems.length === 0) {
        this.#report({
          offset: key ?? 0,
          path: [],
          message: 'is nested too deeply, or repeats itself through aliases',
        })
      }
      return null
    }
    if (isMap<Node, Node | null>(target)) return this.#readMap(target.items, path)
    if (isSeq<Node>(target)) {
      return target.items.map((item, index) => this.#read(item, { path: [...path, index], key: null }))
    }
    if (!isScalar(target)) return null
    if (typeof target.value !== 'string') return target.value
    return this.#readText(unshield(target.value), target.range?.[0] ?? 0, path)
  }

  #readMap(items: readonly { key: Node; value: Node | null }[], path: SettingPath): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    for (const { key, value } of items) {
      const offset = key.range?.[0] ?? 0
      const name = isScalar(key) ? unshield(String(key.value)) : null
      if (name === null || name === '__proto__') {
        const message =
          name === null ? 'a key must be plain text' : '__proto__ cannot be a name: choose another'
        this.#report({ offset, path, message })
        continue
      }
      map[name] = this.#read(value, { path: [...path, name], key: offset })
    }
    return map
  }

  #readText(value: string, offset: number, path: SettingPath): string {
    const { text, secrets, problems } = interpolate(value, this.#environment)
    for (const { reference, message } of problems) {
      const found = this.#source.indexOf(reference, offset)
      this.#report({ offset: found < 0 ? offset : found, path, message })
    }
    if (text !== value) this.fromReference.add(pathKey(path))
    if (problems.length > 0) this.unresolved.add(pathKey(path))
    if (secrets.length > 0) this.provenance.set(pathKey(path), { reference: value, secrets })
    return text
  }

  #report(problem: { offset: number; path: SettingPath; message: string }): void {
    this.problems.push(this.#place(problem))
  }

  #place({ offset, path, message }: { offset: number; path: SettingPath; message: string }): Problem {
    const { line, col } = this.#lines.linePos(offset)
    return {
      file: this.#file,
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      path: pathText(path),
      message,
    }
  }
}
