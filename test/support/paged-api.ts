import { onTestFinished } from 'vitest'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { VendorUser } from '../../examples/vendor-match/simulator.ts'
import { vendorUsers } from './vendor-source.ts'

export type PagedStyle = 'number' | 'offset' | 'cursor' | 'next-url' | 'link-header' | 'since'

/** A user, when it changed last, and when it was deleted. */
interface Entry {
  readonly record: VendorUser | string
  readonly changed: number
  readonly deleted: boolean
}

/** What a page answers instead of its records: nothing and no next page, nothing but a next page, or "not found". */
export interface PagedFault {
  readonly pages: readonly number[]
  readonly kind: 'status' | 'empty' | 'hollow'
}

export interface PagedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Real HTTP servers that list their users in ways that the vendor's API does not have. */
export class PagedApi {
  readonly requests: string[] = []
  /** Fewer records than were asked for. */
  cap = Infinity
  broken: PagedFault | null = null
  /** Of a list of changes: the newest first; no more than so many; the announced number of pages, null for none. */
  descending = false
  lists = Infinity
  announced: number | null | undefined = undefined
  /** How far its clock is ahead. */
  aheadMs = 0
  pageSize: number
  /** When something changes, in milliseconds since the epoch: a minute after what changed before. */
  now = (): number => (this.#clock += 60_000)
  readonly #style: PagedStyle
  readonly #server = createServer((request, response) => {
    this.requests.push(request.url ?? '')
    const { status, headers, body } = this.answer(request.url ?? '')
    response
      .writeHead(status, { ...headers, date: new Date(Date.now() + this.aheadMs).toUTCString() })
      .end(body)
  })
  #entries: Entry[]
  /** Of the page that is answered now. */
  #fault: PagedFault['kind'] | null = null
  #clock = Date.parse('2017-02-01T00:00:00Z')

  /** Serves nobody: it is asked by `answer`. */
  constructor(style: PagedStyle, users: readonly VendorUser[], pageSize: number) {
    this.#style = style
    this.pageSize = pageSize
    this.#entries = users.map((record) => this.#entry(record))
  }

  static async start(style: PagedStyle, users: readonly VendorUser[], pageSize: number): Promise<PagedApi> {
    const api = new PagedApi(style, users, pageSize)
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve))
    return api
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/users`
  }

  /** Those that are not deleted. */
  users(): VendorUser[] {
    return this.#entries.flatMap(({ record, deleted }) =>
      deleted || typeof record === 'string' ? [] : [record],
    )
  }

  insert(record: VendorUser | string, place = this.#entries.length): void {
    this.#entries.splice(place, 0, this.#entry(record))
  }

  /** Gone, and no list of changes tells. */
  forget(id: number): void {
    this.#entries = this.#entries.filter((entry) => !this.#isOf(entry, id))
  }

  /** It changes to what lacks members, perhaps. */
  replace(id: number, record: { readonly [Name in keyof VendorUser]: VendorUser[Name] | undefined }): void {
    this.#entries = this.#entries.map((entry) =>
      this.#isOf(entry, id) ? this.#entry(record as VendorUser) : entry,
    )
  }

  /** `changed`: when, if not by the clock of the others. */
  update(id: number, changes: Partial<VendorUser>, changed?: number): void {
    this.#entries = this.#entries.map((entry) => {
      if (!this.#isOf(entry, id)) return entry
      const updated = this.#entry({ ...(entry.record as VendorUser), ...changes })
      return { ...updated, changed: changed ?? updated.changed }
    })
  }

  /** An API that lists changes keeps a deleted user as such. */
  remove(id: number): void {
    this.#entries = this.#entries.flatMap((entry) => {
      if (!this.#isOf(entry, id)) return [entry]
      return this.#style === 'since' ? [{ ...this.#entry(entry.record), deleted: true }] : []
    })
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #isOf({ record }: Entry, id: number): boolean {
    return typeof record !== 'string' && record.id === id
  }

  #entry(record: VendorUser | string): Entry {
    return { record, changed: this.now(), deleted: false }
  }

  /** What it answers to a path with its parameters, without a date. */
  answer(path: string): PagedAnswer {
    const { body, link } = this.#listed(path)
    return {
      status: this.#fault === 'status' ? 404 : 200,
      headers: { 'content-type': 'application/json', ...(link === null ? {} : { link }) },
      body,
    }
  }

  #listed(path: string): { body: string; link: string | null } {
    const asked = new URL(path, 'http://paged')
    const parameter = (name: string): string | null => asked.searchParams.get(name)
    if (this.#style === 'since') return { body: this.#since(asked.searchParams), link: null }
    if (this.#style === 'number' || this.#style === 'offset') {
      const limit = Math.min(Number(parameter('limit') ?? this.pageSize), this.cap)
      const start = Number(parameter('offset') ?? (Number(parameter('page') ?? 1) - 1) * limit)
      const total = this.#entries.length
      const totals = { total, total_pages: Math.ceil(total / limit) }
      return { body: this.#body(this.#page(start, limit), totals), link: null }
    }
    const token = parameter('cursor') ?? parameter('after')
    const start = token === null ? 0 : Number(Buffer.from(token, 'base64url').toString().slice(1))
    const end = start + this.pageSize
    const page = this.#page(start, this.pageSize)
    const isLast = end >= this.#entries.length || this.#fault === 'empty'
    const next = isLast ? null : Buffer.from(`@${end}`).toString('base64url')
    const address = next === null ? null : `/users?after=${next}`
    switch (this.#style) {
      case 'cursor':
        return { body: this.#body(page, { next }), link: null }
      case 'next-url':
        return { body: this.#body(page, { links: { next: address } }), link: null }
      case 'link-header':
        return {
          body: this.#body(page, {}),
          link: address === null ? null : `</users>; rel="first", <${address}>; rel="next"`,
        }
    }
  }

  #page(start: number, limit: number, entries: readonly Entry[] = this.#entries): readonly Entry[] {
    const page = Math.floor(start / limit) + 1
    this.#fault = this.broken?.pages.includes(page) === true ? this.broken.kind : null
    return this.#fault === null ? entries.slice(start, start + limit) : []
  }

  #since(parameters: URLSearchParams): string {
    const since = parameters.get('since')
    const from = since === null ? -Infinity : Date.parse(since)
    const changed = this.#entries
      .filter((entry) => entry.changed >= from)
      .sort((a, b) => (this.descending ? b.changed - a.changed : a.changed - b.changed))
      .slice(0, this.lists)
    const start = (Number(parameters.get('page') ?? 1) - 1) * this.pageSize
    const { announced = Math.ceil(changed.length / this.pageSize) } = this
    const total = announced === null ? {} : { total_pages: announced }
    return this.#body(this.#page(start, this.pageSize, changed), total)
  }

  #body(entries: readonly Entry[], rest: object): string {
    const records = entries.map(({ record, changed, deleted }) =>
      typeof record === 'string'
        ? record
        : JSON.stringify({ ...record, updated_at: new Date(changed).toISOString(), deleted }),
    )
    return `${JSON.stringify(rest).slice(0, -1)}${Object.keys(rest).length > 0 ? ',' : ''}"users":[${records.join(',')}]}`
  }
}

/** One that serves so many users, ten a page, until the test that asks for it has finished. */
export async function startPagedApi(style: PagedStyle, count: number): Promise<PagedApi> {
  const api = await PagedApi.start(style, vendorUsers(count), 10)
  onTestFinished(() => api.close())
  return api
}
