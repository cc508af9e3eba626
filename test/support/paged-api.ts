import { onTestFinished } from 'vitest'
import { createServer, type IncomingMessage } from 'node:http'
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
  readonly #style: PagedStyle
  readonly #pageSize: number
  readonly #server = createServer((request, response) => {
    const { body, link } = this.#answer(request)
    response
      .writeHead(this.#fault === 'status' ? 404 : 200, {
        'content-type': 'application/json',
        date: new Date(Date.now() + this.aheadMs).toUTCString(),
        ...(link === null ? {} : { link }),
      })
      .end(body)
  })
  #entries: Entry[]
  /** Of the page that is answered now. */
  #fault: PagedFault['kind'] | null = null
  #clock = Date.parse('2017-02-01T00:00:00Z')

  private constructor(style: PagedStyle, users: readonly VendorUser[], pageSize: number) {
    this.#style = style
    this.#pageSize = pageSize
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
    this.#clock += 60_000
    return { record, changed: this.#clock, deleted: false }
  }

  #answer({ url = '' }: IncomingMessage): { body: string; link: string | null } {
    this.requests.push(url)
    const asked = new URL(url, this.url)
    const parameter = (name: string): string | null => asked.searchParams.get(name)
    if (this.#style === 'since') return { body: this.#since(asked.searchParams), link: null }
    if (this.#style === 'number' || this.#style === 'offset') {
      const limit = Math.min(Number(parameter('limit') ?? this.#pageSize), this.cap)
      const start = Number(parameter('offset') ?? (Number(parameter('page') ?? 1) - 1) * limit)
      return { body: this.#body(this.#page(start, limit), { total: this.#entries.length }), link: null }
    }
    const token = parameter('cursor') ?? parameter('after')
    const start = token === null ? 0 : Number(Buffer.from(token, 'base64url').toString().slice(1))
    const end = start + this.#pageSize
    const page = this.#page(start, this.#pageSize)
    const isLast = end >= this.#entries.length || this.#fault === 'empty'
    const next = isLast ? null : Buffer.from(`@${end}`).toString('base64url')
    const path = next === null ? null : `/users?after=${next}`
    switch (this.#style) {
      case 'cursor':
        return { body: this.#body(page, { next }), link: null }
      case 'next-url':
        return { body: this.#body(page, { links: { next: path } }), link: null }
      case 'link-header':
        return {
          body: this.#body(page, {}),
          link: path === null ? null : `</users>; rel="first", <${path}>; rel="next"`,
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
    const start = (Number(parameters.get('page') ?? 1) - 1) * this.#pageSize
    const { announced = Math.ceil(changed.length / this.#pageSize) } = this
    const total = announced === null ? {} : { total_pages: announced }
    return this.#body(this.#page(start, this.#pageSize, changed), total)
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
