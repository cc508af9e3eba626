import { spawn } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger } from '../../../src/runtime/logger.ts'
import { ServiceManager } from '../../../src/runtime/service-manager.ts'

// What is told is tested, not the program that passes it on.
vi.mock('node:child_process', () => ({ spawn: vi.fn(() => ({ on: vi.fn(), unref: vi.fn() })) }))

const seconds = 1_000
const told = (): string[] => vi.mocked(spawn).mock.calls.map(([, words]) => words.slice(1).join(' '))
const alive = (): number => told().filter((words) => words === 'WATCHDOG=1').length

describe('the service manager', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.mocked(spawn).mockClear()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const watched = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: String(60 * seconds * 1_000) }

  it('is told of each state once, a standby being ready as well, and of the end', () => {
    const manager = new ServiceManager(watched, silentLogger)
    manager.tell({ kind: 'standby' })
    manager.tell({ kind: 'standby' })
    manager.tell({ kind: 'leading' })
    manager.stopping()
    expect(told()).toEqual(['--ready --status=standby', '--ready --status=leading', 'STOPPING=1'])
  })

  it('hears that a leader lives for as long as that tells of itself, and no longer', () => {
    const manager = new ServiceManager(watched, silentLogger)
    for (let second = 0; second < 120; second++) {
      manager.tell({ kind: 'leading' })
      vi.advanceTimersByTime(seconds)
    }
    expect(alive()).toBe(4)
    vi.advanceTimersByTime(120 * seconds)
    expect(alive()).toBe(4)
  })

  it('hears that a standby lives, which has nothing to tell, until it ends', () => {
    const manager = new ServiceManager(watched, silentLogger)
    manager.tell({ kind: 'standby' })
    vi.advanceTimersByTime(120 * seconds)
    expect(alive()).toBe(4)
    manager.stopping()
    vi.advanceTimersByTime(120 * seconds)
    expect(alive()).toBe(4)
  })

  it('is left alone where there is none', () => {
    const manager = new ServiceManager({}, silentLogger)
    manager.tell({ kind: 'leading' })
    manager.stopping()
    expect(told()).toEqual([])
  })
})
