/** Whether the text is a JSON pointer (RFC 6901); `''` is the whole document. */
export function isPointer(pointer: string): boolean {
  return /^(?:\/(?:[^~/]|~[01])*)*$/.test(pointer)
}

/** A reader of what stands at the pointer; undefined when there is nothing at that place. */
export function compilePointer(pointer: string): (document: unknown) => unknown {
  const path = pointerPath(pointer)
  const [only] = path
  if (only !== undefined && path.length === 1) return (document) => member(document, only)
  return (document) => path.reduce(member, document)
}

function pointerPath(pointer: string): string[] {
  const segments = pointer.split('/').slice(1)
  return segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value) && !/^(?:0|[1-9]\d*)$/.test(name)) return undefined
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}

/** Where the elements of the array at `pointer` stand in the text of a valid document: `[start, end)` each. */
export function elementSpans(text: string, pointer: string): [start: number, end: number][] {
  let at = skipBlank(text, 0)
  for (const name of pointerPath(pointer)) at = memberStart(text, at, name)
  const spans: [number, number][] = []
  if (text[at] !== '[') return spans
  at = skipBlank(text, at + 1)
  while (at < text.length && text[at] !== ']') {
    const end = valueEnd(text, at)
    spans.push([at, end])
    at = skipSeparator(text, end)
  }
  return spans
}

/** The start of the member's value; of a repeated name the last one counts, as for `JSON.parse`. */
function memberStart(text: string, container: number, name: string): number {
  const isArray = text[container] === '['
  let found = text.length
  let at = skipBlank(text, container + 1)
  for (let index = 0; at < text.length && text[at] !== ']' && text[at] !== '}'; index++) {
    let label = String(index)
    if (!isArray) {
      const end = valueEnd(text, at)
      label = unquoted(text.slice(at, end))
      at = skipSeparator(text, end)
    }
    if (label === name) found = at
    at = skipSeparator(text, valueEnd(text, at))
  }
  return found
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}

/** Past the value that starts at `start`; always further, also in text that is no JSON after all. */
function valueEnd(text: string, start: number): number {
  const opening = text[start]
  if (opening === '"') return stringEnd(text, start)
  if (opening !== '{' && opening !== '[') {
    const rest = /[\s,:\]}]/g
    rest.lastIndex = start + 1
    return rest.exec(text)?.index ?? text.length
  }
  const structural = /["[\]{}]/g
  structural.lastIndex = start
  for (let depth = 0, hit = structural.exec(text); hit !== null; hit = structural.exec(text)) {
    if (hit[0] === '"') structural.lastIndex = stringEnd(text, hit.index)
    else depth += hit[0] === '{' || hit[0] === '[' ? 1 : -1
    if (depth === 0) return structural.lastIndex
  }
  return text.length
}

function stringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}

function skipBlank(text: string, start: number): number {
  let at = start
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++
  return at
}

function skipSeparator(text: string, start: number): number {
  const at = skipBlank(text, start)
  return text[at] === ',' || text[at] === ':' ? skipBlank(text, at + 1) : at
}
