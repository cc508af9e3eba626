import type { HttpSourceOptions } from '../../src/poller/source.ts'
import type { PagedStyle } from './paged-api.ts'
import { vendorColumns } from './vendor-source.ts'

const since = {
  ...{ param: 'since', updatedAt: '/updated_at', from: null },
  ...{ overlapMs: 60_000, deleted: '/deleted' },
}
const offset = { by: 'offset', param: 'offset', first: 0, limit: 9, limitParam: 'limit' } as const

export interface PagedFlavour {
  readonly style: PagedStyle
  readonly options: Partial<HttpSourceOptions>
  readonly descending?: boolean
}

/** Every way in which an API may list its users, with and without telling how many there are. */
export const pagedFlavours: Readonly<Record<string, PagedFlavour>> = {
  'page numbers with a total': { style: 'number', options: {} },
  'page numbers': { style: 'number', options: { totalPages: null } },
  'offsets with a total': {
    style: 'offset',
    options: { page: offset, totalPages: null, totalRecords: '/total' },
  },
  offsets: { style: 'offset', options: { page: offset, totalPages: null } },
  cursors: {
    style: 'cursor',
    options: { totalPages: null, page: { by: 'cursor', param: 'cursor', next: '/next' } },
  },
  addresses: {
    style: 'next-url',
    options: { totalPages: null, page: { by: 'next-url', next: '/links/next' } },
  },
  links: { style: 'link-header', options: { totalPages: null, page: { by: 'link-header' } } },
  'a time with a total': { style: 'since', options: { since } },
  'a time': { style: 'since', options: { since, totalPages: null } },
  'a time, the newest first, with a total': { style: 'since', options: { since }, descending: true },
  'a time, the newest first': { style: 'since', options: { since, totalPages: null }, descending: true },
}

/** The settings of such a source as its user writes them. */
export function flavourSettings({ options }: PagedFlavour): object {
  const { page, totalPages = '/total_pages', totalRecords, since } = options
  return {
    ...{ type: 'http', as: 'vendor_user', records: '/users', key: 'id' },
    columns: Object.fromEntries(vendorColumns.map(({ name, type }) => [name, type])),
    ...(page === undefined ? {} : { page }),
    ...(totalPages === null ? {} : { totalPages }),
    ...(totalRecords == null ? {} : { totalRecords }),
    ...(since == null
      ? {}
      : { since: { param: since.param, updatedAt: since.updatedAt, deleted: since.deleted } }),
  }
}
