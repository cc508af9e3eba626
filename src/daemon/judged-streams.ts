import type { ChangeBatch } from '../changes/change-batch.ts'

/** Streams of which a batch judges what vanished: the commit then knows whether it refused to delete that. */
export function judgedStreams({ changes, vanished }: ChangeBatch): readonly string[] {
  const ended = changes.flatMap((change) => (change.kind === 'resync-end' ? [change.stream] : []))
  return [...new Set(vanished === undefined ? ended : [...ended, vanished.stream])]
}
