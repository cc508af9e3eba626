import { beforeEach, describe, expect, it } from 'vitest'
import { LoadProgress } from '../../../src/daemon/load-progress.ts'

describe('a source is loaded for the daemon', () => {
  let load: LoadProgress
  beforeEach(() => {
    load = new LoadProgress()
    load.begin()
  })

  it('when the batch with which it had read all is committed, though more is read all the time', () => {
    load.noteRead('1', false)
    load.noteRead('2', true)
    expect(load.isLoaded(true)).toBe(false)
    load.noteCommit('1')
    expect(load.isLoaded(true)).toBe(false)
    load.noteRead('3', true)
    load.noteCommit('2')
    expect(load.isLoaded(true)).toBe(true)
  })

  it('when batches that were committed as one are', () => {
    load.noteRead('1', false)
    load.noteRead('2', true)
    load.noteCommit('2')
    expect(load.isLoaded(true)).toBe(true)
  })

  it('at once when it goes on from a position at which it had read all', () => {
    expect(load.isLoaded(true)).toBe(true)
  })

  it('when it says so after its last batch and that is committed', () => {
    load.noteRead('1', false)
    expect(load.isLoaded(true)).toBe(false)
    load.noteCommit('1')
    expect(load.isLoaded(true)).toBe(true)
  })

  it('not before it says so itself, nor while it reads again what a failure kept from being committed', () => {
    load.noteRead('1', true)
    load.noteCommit('1')
    expect(load.isLoaded(false)).toBe(false)
    load.begin()
    load.noteRead('2', false)
    expect(load.isLoaded(true)).toBe(false)
  })
})
