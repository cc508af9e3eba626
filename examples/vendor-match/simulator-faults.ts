import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'

/** What can go wrong with an answer. */
export type Fault = Selection &
  (
    | {
        readonly kind: 'status'
        readonly status: number
        readonly headers?: Readonly<Record<string, string>>
      }
    /** The connection is reset instead of an answer. */
    | { readonly kind: 'reset' }
    /** Half the body is sent, then the connection ends. */
    | { readonly kind: 'truncated' }
    /** A complete answer whose JSON breaks off. */
    | { readonly kind: 'cut-json' }
    | { readonly kind: 'html' }
    /** So many bytes without a length; `gzip` sends them as a small compressed body. */
    | { readonly kind: 'huge'; readonly bytes: number; readonly gzip?: boolean }
    /** The right answer, later. */
    | { readonly kind: 'slow'; readonly ms: number }
    /** The headers and then nothing more. */
    | { readonly kind: 'stalled' }
    /** Announces another number of pages. */
    | { readonly kind: 'total'; readonly total: number }
    /** The right shape without records. */
    | { readonly kind: 'empty' }
    /** The content of another page. */
    | { readonly kind: 'other-page'; readonly page: number }
    /** The content of an earlier moment: what `snapshot()` kept. */
    | { readonly kind: 'stale'; readonly records: readonly string[] }
    /** Any body at all. */
    | { readonly kind: 'body'; readonly body: string | Buffer; readonly type?: string }
    /** The right answer with headers of its own. */
    | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
    /** Something happens at the API when it is asked; the answer is right. */
    | { readonly kind: 'meanwhile'; readonly act: () => void }
  )

interface Selection {
  /** Only this page; any page when left out. */
  readonly pages?: readonly number[]
  /** How many answers it spoils; all of them when left out. */
  readonly times?: number
}

/** A fault as it bears on one answer: other content, or another answer altogether. */
export interface ActiveFault {
  readonly page?: number
  readonly total?: number
  readonly isEmpty?: boolean
  readonly records?: readonly string[]
  /** Whether it answered in its own way. */
  answer(response: ServerResponse, body: string): Promise<boolean>
}

/** The faults in force. Of several that fit a request the first one added has its way. */
export class FaultList {
  #faults: { readonly fault: Fault; left: number }[] = []

  /** Returns what takes the fault back. */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? Infinity }
    this.#faults.push(entry)
    return () => {
      this.#faults = this.#faults.filter((other) => other !== entry)
    }
  }

  clear(): void {
    this.#faults = []
  }

  /** The fault that this request meets, used up once more. */
  take(page: number): ActiveFault | null {
    const entry = this.#faults.find(({ fault, left }) => left > 0 && (fault.pages?.includes(page) ?? true))
    if (entry === undefined) return null
    entry.left--
    return activate(entry.fault)
  }
}

/** Of several ways to be wrong the first. */
export function faultFor(page: number, faults: FaultList, otherwise: () => Fault | null): ActiveFault | null {
  const chosen = faults.take(page)
  if (chosen !== null) return chosen
  const fault = otherwise()
  return fault === null ? null : activate(fault)
}

const answersRightly = (): Promise<boolean> => Promise.resolve(false)

function activate(fault: Fault): ActiveFault {
  switch (fault.kind) {
    case 'total':
      return { total: fault.total, answer: answersRightly }
    case 'empty':
      return { isEmpty: true, answer: answersRightly }
    case 'other-page':
      return { page: fault.page, answer: answersRightly }
    case 'stale':
      return { records: fault.records, answer: answersRightly }
    case 'slow':
      return {
        answer: async () => {
          await new Promise((resolve) => setTimeout(resolve, fault.ms))
          return false
        },
      }
    case 'headers':
      return {
        answer: (response) => {
          for (const [name, value] of Object.entries(fault.headers)) response.setHeader(name, value)
          return Promise.resolve(false)
        },
      }
    case 'meanwhile':
      fault.act()
      return { answer: answersRightly }
    case 'huge':
      return { answer: (response) => sendHuge(response, fault) }
    case 'status':
    case 'reset':
    case 'truncated':
    case 'cut-json':
    case 'html':
    case 'stalled':
    case 'body':
      return {
        answer: (response, body) => {
          spoil(fault, response, body)
          return Promise.resolve(true)
        },
      }
  }
}

type Spoiling = Extract<
  Fault,
  { kind: 'status' | 'reset' | 'truncated' | 'cut-json' | 'html' | 'stalled' | 'body' }
>

function spoil(fault: Spoiling, response: ServerResponse, body: string): void {
  const json = { 'content-type': 'application/json' }
  switch (fault.kind) {
    case 'status':
      response
        .writeHead(fault.status, { ...json, ...fault.headers })
        .end(`{"error":"status ${fault.status}"}`)
      return
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'truncated':
      response.writeHead(200, { ...json, 'content-length': Buffer.byteLength(body) })
      response.write(body.slice(0, body.length / 2), () => response.destroy())
      return
    case 'cut-json':
      response.writeHead(200, json).end(body.slice(0, body.length / 2))
      return
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Log in</title>')
      return
    case 'stalled':
      response.writeHead(200, { ...json, 'content-length': Buffer.byteLength(body) })
      response.write(body.slice(0, 1))
      return
    case 'body':
      response.writeHead(200, { 'content-type': fault.type ?? 'application/json' }).end(fault.body)
      return
  }
}

async function sendHuge(
  response: ServerResponse,
  { bytes, gzip }: { bytes: number; gzip?: boolean },
): Promise<boolean> {
  const headers = {
    'content-type': 'application/json',
    ...(gzip === true ? { 'content-encoding': 'gzip' } : {}),
  }
  response.writeHead(200, headers)
  if (gzip === true) {
    // Compressed bodies may follow each other: so much need not be made to be sent.
    const member = gzipSync(Buffer.alloc(Math.min(bytes, 2 ** 20), ' '))
    response.end(Buffer.concat(Array.from({ length: Math.ceil(bytes / 2 ** 20) }, () => member)))
    return true
  }
  const chunk = Buffer.alloc(65_536, ' ')
  const closed = new Promise<void>((resolve) => response.once('close', resolve))
  for (let sent = 0; sent < bytes && !response.destroyed; sent += chunk.length) {
    if (response.write(chunk)) continue
    const drained = new Promise<void>((resolve) => response.once('drain', resolve))
    await Promise.race([drained, closed])
    response.removeAllListeners('drain')
  }
  response.end()
  return true
}
