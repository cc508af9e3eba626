/** MariaDB's GTID position: the last transaction of each replication domain. */

export interface LastTransaction {
  readonly server: bigint
  readonly sequence: bigint
}

const gtidPattern = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/

/** Immutable. The text form is canonical: domains in ascending order. */
export class GtidList {
  static readonly empty = new GtidList(new Map())

  readonly #domains: ReadonlyMap<bigint, LastTransaction>

  private constructor(domains: ReadonlyMap<bigint, LastTransaction>) {
    this.#domains = domains
  }

  /** Reads `domain-server-sequence,…`, one entry for a domain. Throws a `SyntaxError` on anything else. */
  static parse(text: string): GtidList {
    const domains = new Map<bigint, LastTransaction>()
    for (const part of text.split(',').map((entry) => entry.trim())) {
      if (part === '') continue
      const match = gtidPattern.exec(part)
      if (match === null) throw new SyntaxError(`not a GTID: ${part}`)
      const [, domain = '', server = '', sequence = ''] = match
      if (domains.has(BigInt(domain))) throw new SyntaxError(`domain ${domain} appears twice in ${text}`)
      domains.set(BigInt(domain), { server: BigInt(server), sequence: BigInt(sequence) })
    }
    return GtidList.#of(domains)
  }

  static #of(domains: ReadonlyMap<bigint, LastTransaction>): GtidList {
    return new GtidList(new Map([...domains].sort(([a], [b]) => (a < b ? -1 : 1))))
  }

  get isEmpty(): boolean {
    return this.#domains.size === 0
  }

  /**
   * Sequence numbers grow within a domain. The same number written by two servers is a diverged history, where
   * neither contains the other.
   */
  contains(other: GtidList): boolean {
    for (const [domain, wanted] of other.#domains) {
      const held = this.#domains.get(domain)
      if (held === undefined || held.sequence < wanted.sequence) return false
      if (held.sequence === wanted.sequence && held.server !== wanted.server) return false
    }
    return true
  }

  /** With `server-sequence` as the last transaction of each domain that is named. */
  with(last: Iterable<readonly [domain: bigint, transaction: LastTransaction]>): GtidList {
    return GtidList.#of(new Map([...this.#domains, ...last]))
  }

  /** The later transaction of each domain. */
  union(other: GtidList): GtidList {
    const domains = new Map(this.#domains)
    for (const [domain, theirs] of other.#domains) {
      const ours = domains.get(domain)
      if (ours === undefined || ours.sequence < theirs.sequence) domains.set(domain, theirs)
    }
    return GtidList.#of(domains)
  }

  toString(): string {
    return [...this.#domains]
      .map(([domain, { server, sequence }]) => `${String(domain)}-${String(server)}-${String(sequence)}`)
      .join(',')
  }
}
