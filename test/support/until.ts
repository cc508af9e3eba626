import { setTimeout as delay } from 'node:timers/promises'

/** Waits for what a test is about, by looking until it is there: `look` returns null until then. */
export async function until<T>(what: string, look: () => Promise<T | null>, withinMs = 50_000): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (Date.now() > deadline) throw new Error(`waited ${withinMs} ms in vain until ${what}`)
    await delay(20)
  }
}
