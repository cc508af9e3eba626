/**
 * In a YAML flow map `{ url: ${VAR:-x} }` the braces of a reference would end the map. So that references can stand
 * anywhere, their punctuation is exchanged for private-use characters before YAML is parsed and back afterwards,
 * one for one: every position stays what it was.
 */
const shielded = /\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}\n]*)?\}/g
const base = 0xe000

export function shieldReferences(source: string): string {
  return source.replace(shielded, (reference) =>
    // eslint-disable-next-line no-control-regex -- every ASCII character that is not part of a word
    reference.replace(/[^A-Za-z0-9_\u0080-\uffff\u0000-\u001f]/g, (mark) =>
      String.fromCharCode(base + mark.charCodeAt(0)),
    ),
  )
}

export function unshield(text: string): string {
  return text.replace(/[\ue020-\ue07e]/g, (mark) => String.fromCharCode(mark.charCodeAt(0) - base))
}
