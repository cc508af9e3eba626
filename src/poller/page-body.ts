import { elementSpans } from './json-text.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

export interface BrokenRecord {
  /** With U+FFFD for what is no UTF-8: good enough to find the key. */
  readonly text: string
  /** Nothing of it is lost. */
  readonly raw: string
}

const utf8Sequence =
  /([\0-\x7f]+|[\xc2-\xdf][\x80-\xbf]|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2})|[\x80-\xff]/g

/** Text, and `\xff` for each byte that is no part of any. */
function spellOutBytes(bytes: Buffer): string {
  const spelled = bytes
    .toString('latin1')
    .replace(utf8Sequence, (found, text?: string) => text ?? `\\x${found.charCodeAt(0).toString(16)}`)
  return Buffer.from(spelled, 'latin1').toString('utf8')
}

/** Where bytes are no UTF-8, only the records that hold them are lost: `null` stands in their place. */
export function decodeBody(
  body: Buffer,
  records: string,
): { text: string; broken: ReadonlyMap<number, BrokenRecord> } {
  const broken = new Map<number, BrokenRecord>()
  try {
    return { text: utf8.decode(body), broken }
  } catch {
    // The structure of JSON is ASCII, so one character a byte shows where the records are.
    const pieces: string[] = []
    let end = 0
    elementSpans(body.toString('latin1'), records).forEach(([start, stop], index) => {
      const bytes = body.subarray(start, stop)
      const lossy = bytes.toString('utf8')
      const isBroken = !Buffer.from(lossy).equals(bytes)
      if (isBroken) broken.set(index, { text: lossy, raw: spellOutBytes(bytes) })
      pieces.push(body.toString('utf8', end, start), isBroken ? 'null' : lossy)
      end = stop
    })
    return { text: pieces.join('') + body.toString('utf8', end), broken }
  }
}
