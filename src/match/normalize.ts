/** What a field holds; it decides how values are normalised and compared. */
export const fieldKinds = ['given-name', 'surname', 'place', 'category', 'date', 'text'] as const
export type FieldKind = (typeof fieldKinds)[number]

/** In UTF-16 units. Longer values are equal when their beginnings are; it bounds the cost of comparing. */
export const longestNormalized = 128

const apostrophes = /['’‘‛ʼʻ`´′＇]/gu
const plain = /^[\x20-\x7e]*$/
const unmarkable: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
  ς: 'σ',
}
const suffixes = new Set(
  (
    'jr sr ii iii iv 2nd 3rd md do phd dds dmd dpm dvm dnp dc od rn np pa pac lpn crna pharmd psyd esq ' +
    'facs facp facc faap mph mba msn bsn'
  ).split(' '),
)
const titles = new Set('dr mr mrs ms miss prof'.split(' '))
const placeWords: Readonly<Record<string, string>> = { st: 'saint', mt: 'mount', ft: 'fort' }

/**
 * The comparable form of a raw value, or null when nothing is left of it. Idempotent for every kind, and
 * insensitive to case, accents, apostrophes, hyphens against spaces, and surplus spaces.
 */
export function normalize(kind: FieldKind, raw: string): string | null {
  const text = normalizers[kind](fold(raw))
  return text === '' ? null : text
}

const normalizers: Readonly<Record<FieldKind, (folded: string) => string>> = {
  'given-name': (folded) => dropAffixes(words(folded), titles).join(' '),
  surname: (folded) => dropAffixes(words(folded), null).join(' '),
  place: (folded) => expandFirst(words(folded)).join(' '),
  category: (folded) => words(folded.replaceAll('&', ' and ')).join(' '),
  date: isoDate,
  text: (folded) => folded,
}

/** NFKD, no marks, lower case, no apostrophes, dashes and underscores as spaces, single spaces, bounded. */
function fold(raw: string): string {
  let text = raw.toLowerCase()
  if (!plain.test(text)) text = foldBeyondAscii(raw)
  text = text
    .replace(apostrophes, '')
    .replace(/[-_\s]+/g, ' ')
    .trim()
  return text.length > longestNormalized ? cut(text) : text
}

function foldBeyondAscii(raw: string): string {
  // The acute accent that serves as an apostrophe decomposes to a space and a mark, so it goes first.
  return (
    raw
      .replace(apostrophes, '')
      .normalize('NFKD')
      .toLowerCase()
      // Lower-casing can bring forth new marks, as with a capital dotted I.
      .normalize('NFKD')
      .replace(/[\p{M}\p{Cf}]+/gu, '')
      .replace(/[\p{Pd}\p{Cc}]/gu, ' ')
      .replace(/[ßæœøđðþłħıς]/g, (letter) => unmarkable[letter] ?? letter)
  )
}

function cut(text: string): string {
  const last = text.charCodeAt(longestNormalized - 1)
  const splitsPair = last >= 0xd800 && last <= 0xdbff
  return text.slice(0, splitsPair ? longestNormalized - 1 : longestNormalized).trim()
}

/** Letters and digits; a full stop joins (`m.d.` is `md`), other punctuation separates. */
function words(folded: string): string[] {
  if (/^[a-z]+$/.test(folded)) return [folded]
  return folded
    .replaceAll('.', '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
    .split(' ')
}

/** Never drops the last word that is left: somebody's surname is Do. */
function dropAffixes(all: string[], leading: ReadonlySet<string> | null): string[] {
  let start = 0
  let end = all.length
  while (end - start > 1 && suffixes.has(all[end - 1] ?? '')) end--
  while (leading !== null && end - start > 1 && leading.has(all[start] ?? '')) start++
  return end - start === all.length ? all : all.slice(start, end)
}

function expandFirst(all: string[]): string[] {
  const long = all.length > 1 ? placeWords[all[0] ?? ''] : undefined
  return long === undefined ? all : [long, ...all.slice(1)]
}

/** `yyyy-mm-dd`, with or without separators or a time after it, as `yyyymmdd`; anything else as folded. */
function isoDate(folded: string): string {
  const match = /^(\d{4})[ /.]?(\d{2})[ /.]?(\d{2})(?:$|[ t])/.exec(folded)
  return match === null ? folded : match.slice(1, 4).join('')
}
