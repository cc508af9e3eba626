import { startMysql } from '#root/scripts/servers/start-mysql.mjs'
import type { GeneratedData } from '../../../examples/vendor-match/generate.ts'
import { defaultSchema, loadMysql } from '../../../examples/vendor-match/load-mysql.ts'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import type { Releasers } from '../../runtime/releasers.ts'
import type { DemoOptions } from '../demo-options.ts'

/** The environment that tells the example's configuration where its sources are. */
export type SourceEnvironment = Readonly<Record<'INTERNAL_MYSQL_URL' | 'VENDOR_API_URL', string>>

export interface DemoSources {
  readonly environment: SourceEnvironment
  readonly simulator: VendorSimulator
}

/** Starts both sources with the data in them. */
export async function startSources(
  data: GeneratedData,
  {
    flavour = 'mariadb',
    signal,
    onProgress,
    note,
  }: Pick<DemoOptions, 'flavour' | 'signal' | 'onProgress' | 'note'>,
  releasers: Releasers,
): Promise<DemoSources> {
  signal.throwIfAborted()
  const server = await startMysql({ flavour, announce: note })
  releasers.push(() => server.stop())
  signal.throwIfAborted()
  const { host, port, user, password } = server
  await loadMysql({
    connection: { host, port, user, password },
    users: data.internalUsers(),
    practices: data.practices(),
    signal,
    onProgress: (done) => {
      onProgress([{ phase: `filling ${server.flavour}`, done, total: data.internalCount }])
    },
  })
  onProgress([])
  signal.throwIfAborted()
  const simulator = await startVendorSimulator({ users: data.vendorUsers() })
  releasers.push(() => simulator.close())
  const environment = { INTERNAL_MYSQL_URL: `${server.url}/${defaultSchema}`, VENDOR_API_URL: simulator.url }
  return { environment, simulator }
}
