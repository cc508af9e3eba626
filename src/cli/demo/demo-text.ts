import type { Accuracy, Evaluation } from '../../../examples/vendor-match/evaluate.ts'
import type { DemoWarehouse } from './start-warehouse.ts'

/** How good the match is, for people: in made-up data it is known who is who. */
export function accuracyLines({ decidable, all }: Evaluation): string[] {
  return [
    'The people are made up, so it is known who is who:',
    `  ${accuracyText(decidable)} - people whom name, location and specialty tell apart`,
    `  ${accuracyText(all)} - everybody`,
  ]
}

function accuracyText({ expected, found, correct, precision, recall, f1 }: Accuracy): string {
  const counts = `${correct} of ${expected} matched rightly, ${found - correct} wrongly`
  return `${counts}; precision ${share(precision)}, recall ${share(recall)}, F1 ${share(f1)}`
}

function share(value: number | null): string {
  return value === null ? 'unknown' : value.toFixed(4)
}

/** How to reach the warehouse that was left and how to remove it. The password is read from its file, never shown. */
export function keptLines({
  url,
  folder,
  passwordFile,
  pid,
}: Pick<DemoWarehouse, 'url' | 'folder' | 'passwordFile' | 'pid'>): string[] {
  const { hostname, port, username, pathname } = new URL(url)
  const where = `-h ${hostname} -p ${port} -U ${username} -d ${pathname.slice(1)}`
  return [
    'The warehouse stays. Look at it with:',
    `  PGPASSWORD="$(cat ${quoted(passwordFile)})" PGOPTIONS='-c search_path=warehouse' psql ${where}`,
    'Stop and remove it with:',
    `  kill -INT ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.1; done; rm -rf ${quoted(folder)}`,
  ]
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
