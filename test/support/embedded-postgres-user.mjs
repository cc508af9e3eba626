import process from 'node:process'
import { pathToFileURL } from 'node:url'

/*
 * A process of its own that uses an embedded Postgres: prints where it is, and leaves when its input ends.
 * Arguments: the compiled module, the folder.
 */
const [modulePath = '', directory = ''] = process.argv.slice(2)
/** @type {unknown} */
const loaded = await import(pathToFileURL(modulePath).href)
const { openEmbeddedPostgres } = /** @type {typeof import('../../src/state/embedded-postgres/open.ts')} */ (
  loaded
)
const server = await openEmbeddedPostgres({ directory })
process.stdout.write(`${JSON.stringify({ url: server.url, pid: server.pid })}\n`)
process.stdin.resume().on('end', () => {
  void server.stop()
})
