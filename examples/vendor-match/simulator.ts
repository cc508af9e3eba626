import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createHash } from 'node:crypto'
import type { AddressInfo, Socket } from 'node:net'
import { FaultList, faultFor, type ActiveFault } from './simulator-faults.ts'
import { Hostility, type HostileData } from './simulator-hostile.ts'

/** A user as the vendor's API shows it; a left-out member is absent from the record. */
export interface VendorUser {
  readonly id: number
  readonly firstname?: string | null
  readonly lastname?: string | null
  readonly last_active_date?: string | null
  readonly practice_location?: string | null
  readonly specialty?: string | null
  readonly user_type_classification?: string | null
}

/** In the order in which the API lists them; a string is served as it is, as a record that is no user. */
export type ServedUsers =
  | Iterable<VendorUser | string>
  | { readonly length: number; slice(start: number, end: number): readonly (VendorUser | string)[] }

export interface SimulatorOptions {
  readonly users?: ServedUsers
  /** 1,000 unless told; may be changed while running. */
  readonly pageSize?: number
  /** 0, the default, takes any free port. */
  readonly port?: number
  /** 127.0.0.1 unless told. */
  readonly host?: string
  /** Each answer waits so long. */
  readonly latencyMs?: number
  /** `/api/v1/users` unless told. */
  readonly path?: string
  /** Sends an `ETag` and answers 304 to a matching `If-None-Match`. */
  readonly etags?: boolean
}

export interface VendorSimulator {
  /** Without a page parameter. */
  readonly url: string
  readonly port: number
  pageSize: number
  latencyMs: number
  etags: boolean
  readonly count: number
  readonly totalPages: number
  setUsers(users: ServedUsers): void
  /** At the end, or before the user who stands at `place`. */
  insert(user: VendorUser | string, place?: number): void
  /** Changes members of a user where it stands; false if there is none with this id. */
  update(id: number, changes: Partial<VendorUser>): boolean
  /** False if there is none with this id. */
  remove(id: number): boolean
  /** The users as they would be served, in order; raw records are left out. */
  users(): IterableIterator<VendorUser>
  /** From now on everything goes wrong in the way of this seed; null: nothing does, but for `faults`. */
  setHostile(seed: number | null): void
  /** A copy of what is served now, for a `stale` fault later. */
  snapshot(): readonly string[]
  /** The page parameters asked for, in order of arrival; null when there was none. */
  readonly requests: (string | null)[]
  /** Bytes of all right answers so far, without their headers. */
  readonly bodyBytes: number
  readonly faults: FaultList
  /** Calls back for each connection that is opened. */
  onConnection(listener: () => void): void
  /** Ends all connections. */
  close(): Promise<void>
}

const usualPath = '/api/v1/users'

/**
 * A real HTTP server that answers `GET /api/v1/users?page=N` as the vendor does: 1,000 users a page, no `page`
 * means page 1, past the end an empty page with status 200. How the real API answers `page=0` is not known beyond
 * that it does; here it gives page 1, also for negative numbers. What is no number gets status 400.
 */
export async function startVendorSimulator(options: SimulatorOptions = {}): Promise<VendorSimulator> {
  const simulator = new Simulator(options)
  await simulator.listen(options.port ?? 0, options.host ?? '127.0.0.1')
  return simulator
}

/** Records are kept as the JSON that is sent: some 200 bytes each, and a page is a join. */
class Simulator implements VendorSimulator {
  pageSize: number
  latencyMs: number
  etags: boolean
  readonly requests: (string | null)[] = []
  bodyBytes = 0
  readonly faults = new FaultList()
  readonly #path: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #hostility: Hostility | null = null
  #host = ''
  #port = 0
  #records: string[] = []
  /** Beside each record its id, null for what is no user. */
  #ids: (number | null)[] = []

  constructor({
    users = [],
    pageSize = 1000,
    latencyMs = 0,
    etags = false,
    path = usualPath,
  }: SimulatorOptions) {
    this.#path = path
    this.pageSize = pageSize
    this.latencyMs = latencyMs
    this.etags = etags
    this.setUsers(users)
    this.#server = createServer((request, response) => {
      void this.#answer(request, response)
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  async listen(port: number, host: string): Promise<void> {
    this.#host = host
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, host, resolve)
    })
    this.#port = (this.#server.address() as AddressInfo).port
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.port}${this.#path}`
  }

  get count(): number {
    return this.#records.length
  }

  get totalPages(): number {
    return Math.max(1, Math.ceil(this.#records.length / this.pageSize))
  }

  setUsers(users: ServedUsers): void {
    this.#records = []
    this.#ids = []
    for (const user of Symbol.iterator in users ? users : inSlices(users)) this.insert(user)
  }

  insert(user: VendorUser | string, place = this.#records.length): void {
    const isEnd = place >= this.#records.length
    const [record, id] = typeof user === 'string' ? [user, null] : [printUser(user), user.id]
    if (isEnd) {
      this.#records.push(record)
      this.#ids.push(id)
    } else {
      this.#records.splice(place, 0, record)
      this.#ids.splice(place, 0, id)
    }
  }

  update(id: number, changes: Partial<VendorUser>): boolean {
    const place = this.#ids.indexOf(id)
    const record = this.#records[place]
    if (record === undefined) return false
    const user = { ...(JSON.parse(record) as VendorUser), ...changes }
    this.#records[place] = printUser(user)
    this.#ids[place] = user.id
    return true
  }

  remove(id: number): boolean {
    const place = this.#ids.indexOf(id)
    if (place === -1) return false
    this.#records.splice(place, 1)
    this.#ids.splice(place, 1)
    return true
  }

  *users(): IterableIterator<VendorUser> {
    for (const [place, record] of this.#records.entries()) {
      if (this.#ids[place] !== null) yield JSON.parse(record) as VendorUser
    }
  }

  setHostile(seed: number | null): void {
    this.#hostility = seed === null ? null : new Hostility(seed)
  }

  /** Records leave and come back at other places, and never are gone. */
  readonly #data: HostileData = {
    records: () => this.#records,
    resize: (pageSize) => (this.pageSize = pageSize),
    reorder: (place) => {
      for (const list of [this.#records, this.#ids]) {
        const [moved] = list.splice(place, 1)
        if (moved !== undefined) (list as unknown[]).splice(0, 0, moved)
      }
    },
  }

  onConnection(listener: () => void): void {
    this.#server.on('connection', listener)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://simulator')
    if (request.method !== 'GET' || url.pathname !== this.#path) {
      sendJson(response, { status: 404, body: '{"error":"not found"}' })
      return
    }
    const asked = url.searchParams.get('page')
    this.requests.push(asked)
    const number = asked === null ? 1 : Number(asked)
    if (!Number.isInteger(number)) {
      sendJson(response, { status: 400, body: '{"error":"page is not a number"}' })
      return
    }
    const page = Math.max(1, number)
    const fault = faultFor(
      page,
      this.faults,
      () => this.#hostility?.befall(page, this.totalPages, this.#data) ?? null,
    )
    await pause(this.latencyMs, response)
    if (fault !== null && (await fault.answer(response, this.#shown(page, fault)))) return
    const body = this.#shown(page, fault)
    const etag = this.etags ? `"${createHash('sha1').update(body).digest('hex')}"` : null
    if (etag !== null && request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag }).end()
      return
    }
    this.bodyBytes += Buffer.byteLength(body)
    sendJson(response, { status: 200, body, ...(etag === null ? {} : { etag }) })
  }

  /** The body of a page, as a fault may have changed its content. */
  #shown(page: number, fault: ActiveFault | null): string {
    const shownPage = fault?.page ?? page
    const records = fault?.records ?? this.#records
    const total = fault?.total ?? Math.max(1, Math.ceil(records.length / this.pageSize))
    const slice =
      fault?.isEmpty === true ? [] : records.slice((shownPage - 1) * this.pageSize, shownPage * this.pageSize)
    return `{"current_page":${page},"total_pages":${total},"users":[${slice.join(',')}]}`
  }

  snapshot(): readonly string[] {
    return this.#records.slice()
  }
}

function* inSlices(users: Exclude<ServedUsers, Iterable<unknown>>): Generator<VendorUser | string> {
  for (let start = 0; start < users.length; start += 1000) yield* users.slice(start, start + 1000)
}

/** In the order of the vendor, who sorts them by name. */
const members: readonly (keyof VendorUser)[] = [
  'firstname',
  'id',
  'last_active_date',
  'lastname',
  'practice_location',
  'specialty',
  'user_type_classification',
]

function printUser(user: VendorUser): string {
  return JSON.stringify(user, [...members])
}

function sendJson(
  response: ServerResponse,
  { status, body, etag }: { status: number; body: string; etag?: string },
): void {
  const bytes = Buffer.from(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    ...(etag === undefined ? {} : { etag }),
  })
  response.end(bytes)
}

function pause(ms: number, response: ServerResponse): Promise<void> {
  if (ms <= 0) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    response.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
