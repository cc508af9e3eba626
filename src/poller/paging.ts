import { OperatorError } from '../runtime/errors.ts'

/** How the pages of an API are asked for. */
export type Paging =
  /** By a number in a query parameter. */
  | { readonly by: 'number'; readonly param: string; readonly first: number }
  /** By the number of records to skip; `limit` records are asked for, and an API may give fewer. */
  | {
      readonly by: 'offset'
      readonly param: string
      readonly first: number
      readonly limit: number
      readonly limitParam: string
    }
  /** By a token that stands in the page before, at a JSON pointer. */
  | { readonly by: 'cursor'; readonly param: string; readonly next: string }
  /** By an address that stands in the page before, at a JSON pointer. */
  | { readonly by: 'next-url'; readonly next: string }
  /** By the address of `Link: <…>; rel="next"` (RFC 8288) of the page before. */
  | { readonly by: 'link-header' }

/** Whether a page can be asked for without the page before it. */
export function isAddressable({ by }: Paging): boolean {
  return by === 'number' || by === 'offset'
}

/** What has to be known of other pages to ask for one. */
export interface PageHint {
  /** Records on the first page of the sweep, null before it is read: an API may cap the limit that is asked for. */
  readonly size: number | null
  /** What the page before says of this one: a cursor or an address. */
  readonly next: string | null
  /** It was said in an earlier sweep: by now it may lead nowhere. */
  readonly isRecalled?: boolean
  /** Further query parameters. */
  readonly extra?: Readonly<Record<string, string>>
}

/** The address of a page; 1 is the first, whatever number the API gives it. */
export function pageAddress(
  base: URL,
  paging: Paging,
  page: number,
  { size, next, extra = {} }: PageHint,
): URL {
  const url = new URL(base)
  for (const [name, value] of Object.entries(extra)) url.searchParams.set(name, value)
  switch (paging.by) {
    case 'number':
      url.searchParams.set(paging.param, String(paging.first + page - 1))
      return url
    case 'offset': {
      const step = Math.min(size ?? paging.limit, paging.limit)
      url.searchParams.set(paging.param, String(paging.first + (page - 1) * Math.max(1, step)))
      url.searchParams.set(paging.limitParam, String(paging.limit))
      return url
    }
    case 'cursor':
      if (next !== null) url.searchParams.set(paging.param, next)
      return url
    case 'next-url':
    case 'link-header':
      return next === null ? url : new URL(next, base)
    default:
      return paging satisfies never
  }
}

/** The target of `rel="next"` in a `Link` header, or null. */
export function nextLink(header: string | undefined): string | null {
  for (const [, target = '', parameters = ''] of (header ?? '').matchAll(/<([^>]*)>((?:\s*;[^,<]*)*)/g)) {
    const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;"]+))/i.exec(parameters)
    const relations = (relation?.[1] ?? relation?.[2] ?? '').toLowerCase().split(/\s+/)
    if (relations.includes('next')) return target
  }
  return null
}

/** A next page may only stand where the pages are: an answer must not send our credentials elsewhere. */
export function checkNext(base: URL, paging: Paging, next: string | null, name: string): string | null {
  if (next === null || paging.by === 'cursor') return next
  const url = URL.canParse(next, base.href) ? new URL(next, base) : null
  if (url?.origin === base.origin) return url.href
  throw new OperatorError({
    code: 'next-elsewhere',
    area: 'configuration',
    message: `source ${name}: the next page is said to be at ${url?.origin ?? 'no address at all'}, not at ${base.origin}`,
    hint: 'Set the URL of the source to where the pages really are.',
  })
}
