import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgePage, wantedPages, type PageSeen } from '../../../src/poller/page-state.ts'
import { beginSweep, type SweepState } from '../../../src/poller/sweep-state.ts'
import { judgeSweep, type Verdict } from '../../../src/poller/sweep-verdict.ts'

/** An API in memory: an order of ids, a page size, and what it says about its pages. */
interface Api {
  ids: number[]
  size: number
  announces: boolean
  pastEnd: 'empty' | 'last' | 'not-found'
}

const pagesOf = ({ ids, size }: Api): number => Math.max(1, Math.ceil(ids.length / size))

function answer(api: Api, page: number): { total: number | null; ids: number[]; notFound: boolean } {
  const pages = pagesOf(api)
  const shown = page > pages && api.pastEnd === 'last' ? pages : page
  const notFound = page > pages && api.pastEnd === 'not-found'
  const ids = api.ids.slice((shown - 1) * api.size, shown * api.size)
  return { total: api.announces && !notFound ? pages : null, ids, notFound }
}

interface Swept {
  readonly state: SweepState
  readonly seen: ReadonlySet<number>
  readonly vector: string
  readonly requests: number
}

/** What the source does around the machine, with pages fetched just before they are judged. */
function sweep(api: Api, { ahead, meanwhile }: { ahead: number; meanwhile: (page: number) => void }): Swept {
  let state = beginSweep({ after: 0, at: 0 })
  const seen = new Map<number, number>()
  const vectors = new Map<string, number>()
  let [asked, requests, atFirst] = [0, 0, null as { page: number; vector: string } | null]
  while (state.end === null) {
    const wanted = wantedPages(state, { asked, ahead })
    requests += wanted.length
    asked = Math.max(asked, ...wanted)
    const page = state.next
    expect(page).toBeLessThanOrEqual(asked)
    meanwhile(page)
    const { total, ids, notFound } = answer(api, page)
    const vector = JSON.stringify(ids)
    const step = judgePage(state, {
      page,
      total,
      count: ids.length,
      fresh: ids.filter((id) => !seen.has(id)).length,
      repeatOf: ids.length === 0 ? null : (vectors.get(vector) ?? null),
      moved: atFirst?.page === page && atFirst.vector !== vector,
      notFound,
      at: page,
    } satisfies PageSeen)
    state = step.state
    if (step.kind === 'take') {
      for (const id of ids) seen.set(id, page)
      if (!vectors.has(vector)) vectors.set(vector, page)
    }
    const last = state.greatestTotal
    if (atFirst === null && last !== null && last > page) {
      atFirst = { page: last, vector: JSON.stringify(answer(api, last).ids) }
    }
  }
  return { state, seen: new Set(seen.keys()), vector: [...vectors.keys()].join(), requests }
}

function sweepUntilStable(
  api: Api,
  options: Parameters<typeof sweep>[1],
  limit: number,
): { swept: Swept; verdict: Verdict } {
  let before: string | null = null
  for (let number = 1; ; number++) {
    const swept = sweep(api, options)
    const verdict = judgeSweep(swept.state, { sameVector: before === swept.vector })
    if (verdict.stable || number === limit) return { swept, verdict }
    before = swept.vector
  }
}

const apiAtRest = fc.record({
  ids: fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { maxLength: 60 }),
  size: fc.integer({ min: 1, max: 20 }),
  announces: fc.boolean(),
  pastEnd: fc.constantFrom('empty' as const, 'last' as const, 'not-found' as const),
})

// Answering the only page for ever looks like not heeding the page parameter; that is its own test.
const isAmbiguous = (api: Api): boolean => !api.announces && api.pastEnd === 'last' && pagesOf(api) === 1

describe('a sweep', () => {
  test('of a source at rest sees every record, once, with few more requests than pages', () => {
    fc.assert(
      fc.property(apiAtRest, fc.integer({ min: 1, max: 16 }), (api, ahead) => {
        fc.pre(!isAmbiguous(api))
        const { swept, verdict } = sweepUntilStable(api, { ahead, meanwhile: () => undefined }, 1)
        expect([...swept.seen].sort()).toEqual([...api.ids].sort())
        expect(verdict.stable).toBe(true)
        expect(swept.state.doubts).toEqual([])
        expect(swept.requests).toBeLessThanOrEqual(pagesOf(api) + (api.announces ? 1 : ahead + 1))
      }),
    )
  })

  const event = fc.record({
    at: fc.integer({ min: 1, max: 40 }),
    kind: fc.constantFrom('insert' as const, 'remove' as const, 'resize' as const),
    place: fc.nat({ max: 59 }),
    size: fc.integer({ min: 1, max: 20 }),
  })

  test('that is believed saw all records that were there all the time, if the source changed but once', () => {
    fc.assert(
      fc.property(apiAtRest, event, fc.integer({ min: 1, max: 8 }), (start, change, ahead) => {
        fc.pre(start.announces)
        const api = { ...start, ids: [...start.ids] }
        let judged = 0
        const meanwhile = (): void => {
          if (++judged === change.at) apply(api, change)
        }
        const { swept, verdict } = sweepUntilStable(api, { ahead, meanwhile }, 5)
        const always = start.ids.filter((id) => api.ids.includes(id))
        expect(verdict.stable).toBe(true)
        expect(always.filter((id) => !swept.seen.has(id))).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  test('of a source that comes to rest sees every record, whatever happened before', () => {
    fc.assert(
      fc.property(
        apiAtRest,
        fc.array(event, { maxLength: 12 }),
        fc.integer({ min: 1, max: 8 }),
        (start, events, ahead) => {
          fc.pre(!isAmbiguous(start))
          const api = { ...start, ids: [...start.ids] }
          let judged = 0
          const meanwhile = (): void => {
            judged++
            for (const change of events) if (change.at === judged) apply(api, change)
          }
          sweep(api, { ahead, meanwhile })
          for (const change of events) if (change.at > judged) apply(api, change)
          fc.pre(!isAmbiguous(api))
          const { swept, verdict } = sweepUntilStable(api, { ahead, meanwhile: () => undefined }, 2)
          expect(api.ids.filter((id) => !swept.seen.has(id))).toEqual([])
          expect(verdict.stable).toBe(true)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('proves no absence when a page in the middle was empty or repeated, however often', () => {
    const hole = (page: number): PageSeen => ({
      ...seenPage(page, 5),
      count: page === 3 ? 0 : 10,
      fresh: page === 3 ? 0 : 10,
    })
    const repeat = (page: number): PageSeen => ({ ...seenPage(page, 5), repeatOf: page === 3 ? 2 : null })
    for (const pages of [hole, repeat]) {
      let state = beginSweep({ after: 0, at: 0 })
      while (state.end === null) {
        const step = judgePage(state, pages(state.next))
        state = step.state
      }
      expect(judgeSweep(state, { sameVector: false }).stable).toBe(false)
      expect(judgeSweep(state, { sameVector: true })).toMatchObject({ stable: true, provesAbsence: false })
    }
  })

  test('that announces pages which are all empty is cut short', () => {
    let state = beginSweep({ after: 0, at: 0 })
    while (state.end === null) {
      const step = judgePage(state, {
        ...seenPage(state.next, 100_000),
        count: state.next === 1 ? 10 : 0,
        fresh: 0,
      })
      state = step.state
    }
    expect(state.next).toBeLessThan(200)
    expect(judgeSweep(state, { sameVector: false }).stable).toBe(false)
  })

  test('that goes on after a restart is never believed', () => {
    let state = beginSweep({ after: 2, at: 0 })
    expect(wantedPages(state, { asked: 0, ahead: 4 })).toEqual([3])
    for (const page of [3, 4, 5]) {
      const step = judgePage(state, { ...seenPage(page, 5), count: page === 5 ? 3 : 10 })
      state = step.state
    }
    expect(state.end).toMatchObject({ kind: 'last-page' })
    expect(judgeSweep(state, { sameVector: true }).stable).toBe(false)
  })
})

describe('whatever is seen of the pages', () => {
  const anything = fc.record({
    total: fc.option(fc.nat({ max: 30 })),
    count: fc.nat({ max: 5 }),
    fresh: fc.nat({ max: 5 }),
    repeats: fc.option(fc.nat({ max: 20 })),
    moved: fc.boolean(),
    notFound: fc.boolean(),
    next: fc.constantFrom('told' as const, 'recalled' as const, 'none' as const),
    held: fc.boolean(),
    unreachable: fc.boolean(),
  })

  test('each page ends the sweep, once and for all, or is taken in, and no doubt is ever forgotten', () => {
    fc.assert(
      fc.property(
        fc.array(anything, { minLength: 1, maxLength: 40 }),
        fc.boolean(),
        fc.nat({ max: 3 }),
        (pages, linked, after) => {
          let state = beginSweep({ after, at: 0, linked })
          for (const [at, { repeats, ...page }] of pages.entries()) {
            const before = state
            const repeatOf = repeats === null || page.count === 0 ? null : 1 + (repeats % state.next)
            const step = judgePage(before, { ...page, page: before.next, repeatOf, at })
            state = step.state
            expect(state.doubts).toEqual(expect.arrayContaining([...before.doubts]))
            expect(state.pages).toBe(step.kind === 'take' ? before.next : before.pages)
            expect(state.next).toBeGreaterThan(state.pages)
            expect(state.next).toBe(
              state.pages === before.pages && state.end !== null ? before.next : before.next + 1,
            )
            if (before.end !== null) expect(step).toEqual({ kind: 'leave', state: before })
            else expect(state.end?.at ?? at).toBe(at)
            // What is left is past the end, or known by now to hold nothing that can be believed.
            if (step.kind === 'leave' && before.end === null) {
              expect(state.end !== null || state.passed === before.passed + 1).toBe(true)
            }
            if (state.end !== null) expect(wantedPages(state, { asked: 0, ahead: 4 })).toEqual([])
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('a sweep that is judged again from its stored pages ends as it did', () => {
    fc.assert(
      fc.property(
        fc.array(anything, { minLength: 1, maxLength: 40 }),
        fc.nat({ max: 39 }),
        (pages, killed) => {
          const judge = (state: SweepState, from: number, to: number): SweepState =>
            pages.slice(from, to).reduce((now, { repeats, ...page }, place) => {
              const repeatOf = repeats === null || page.count === 0 ? null : 1
              return judgePage(now, { ...page, page: now.next, repeatOf, at: from + place }).state
            }, state)
          const whole = judge(beginSweep({ after: 0, at: 0 }), 0, pages.length)
          const copied = JSON.parse(
            JSON.stringify(judge(beginSweep({ after: 0, at: 0 }), 0, killed)),
          ) as SweepState
          expect(judge(copied, killed, pages.length)).toEqual(whole)
        },
      ),
    )
  })
})

function seenPage(page: number, total: number): PageSeen {
  return { page, total, count: 10, fresh: 10, repeatOf: null, moved: false, notFound: page > total, at: page }
}

function apply(
  api: Api,
  { kind, place, size }: { kind: 'insert' | 'remove' | 'resize'; place: number; size: number },
): void {
  if (kind === 'insert') api.ids.splice(place, 0, Math.max(1000, ...api.ids) + 1)
  else if (kind === 'remove') api.ids.splice(place, 1)
  else api.size = size
}
