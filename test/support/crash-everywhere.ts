/** One process that does a scenario from what is committed on, until it ends or its session does. */
export interface Lives {
  /** `killedAt`: the statement before which the session is ended. Returns whether the scenario came to its end. */
  readonly live: (killedAt: number) => Promise<boolean>
  /** What is committed, as a text: equal as long as nothing was. */
  readonly committed: () => Promise<string>
  /** A crash before each statement whose number, counted from where something was committed last, leaves this rest. */
  readonly every: number
  readonly rest: number
}

/**
 * Lives the scenario again and again, each life ended `every` statements later than the one before, from the first again
 * once something was committed: with 1 a crash comes before every statement of every transaction, with more over as many
 * values of `rest`. Returns how many there were.
 */
export async function crashBeforeStatements({ live, committed, every, rest }: Lives): Promise<number> {
  const first = 1 + (rest % every)
  let crashes = 0
  let before = await committed()
  for (let statement = first; !(await live(statement));) {
    crashes++
    const now = await committed()
    statement = now === before ? statement + every : first
    before = now
  }
  return crashes
}
