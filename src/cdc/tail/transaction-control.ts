/** The statements by which the log itself delimits transactions. */
export type TransactionControl =
  | { readonly kind: 'begin' | 'xa-start' | 'commit' | 'rollback' }
  /** Nothing to do. */
  | { readonly kind: 'none' }
  | { readonly kind: 'savepoint' | 'rollback-to'; readonly name: string }
  | { readonly kind: 'xa-commit' | 'xa-rollback'; readonly xid: string }

/** Null for any other statement. */
export function transactionControl(sql: string): TransactionControl | null {
  // The common ones are written by the server and never longer.
  if (sql.length === 5 && /^begin$/i.test(sql)) return { kind: 'begin' }
  if (sql.length > 300) return null
  const text = sql.trim().replace(/;$/, '')
  if (/^(?:begin|start transaction)\b/i.test(text)) return { kind: 'begin' }
  if (/^commit$/i.test(text)) return { kind: 'commit' }
  const back = /^rollback(?:\s+to(?:\s+savepoint)?\s+(.+))?$/is.exec(text)
  if (back !== null)
    return back[1] === undefined ? { kind: 'rollback' } : { kind: 'rollback-to', name: nameOf(back[1]) }
  const savepoint = /^savepoint\s+(.+)$/is.exec(text)?.[1]
  if (savepoint !== undefined) return { kind: 'savepoint', name: nameOf(savepoint) }
  if (/^release\s+savepoint\b/i.test(text)) return { kind: 'none' }
  return xaControl(text)
}

function xaControl(text: string): TransactionControl | null {
  const [, verb, xid = ''] = /^xa\s+(start|begin|end|prepare|commit|rollback)\s+(.*)$/is.exec(text) ?? []
  if (verb === undefined) return null
  if (/^(?:start|begin)$/i.test(verb)) return { kind: 'xa-start' }
  if (/^commit$/i.test(verb)) return { kind: 'xa-commit', xid: xidOf(xid) }
  if (/^rollback$/i.test(verb)) return { kind: 'xa-rollback', xid: xidOf(xid) }
  return { kind: 'none' }
}

function nameOf(text: string): string {
  return text.replace(/^`(.*)`$/s, '$1').replaceAll('``', '`')
}

/** `X'6162',X'',1`, as the server prints it. */
function xidOf(text: string): string {
  const [, global = '', branch = '', format = '1'] =
    /^x'([0-9a-f]*)'(?:\s*,\s*x'([0-9a-f]*)')?(?:\s*,\s*(\d+))?/i.exec(text) ?? []
  return `${global.toLowerCase()},${branch.toLowerCase()},${format}`
}
