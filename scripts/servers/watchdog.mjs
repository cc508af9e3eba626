import { spawn } from 'node:child_process'
import { Socket } from 'node:net'

/**
 * Ends a server process and removes its folder as soon as this process is gone, however it goes: by exit, by
 * a signal or by `kill -9`. A shell that waits for its input to end notices all of them; handlers in this
 * process would miss the last, and would change what the first two do.
 *
 * @param {number | undefined} pid undefined while there is a folder and no server yet
 * @param {string} folder
 * @returns {() => void} calls the watchdog off
 */
export function endWithThisProcess(pid, folder) {
  const script = `read -r line && exit 0
    if [ -n "$1" ]; then kill -KILL "$1" 2>/dev/null; fi
    for try in 1 2 3 4 5; do rm -rf "$2" && exit 0; sleep 1; done`
  const watchdog = spawn('/bin/sh', ['-c', script, 'watchdog', String(pid ?? ''), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watchdog.unref()
  const input = watchdog.stdin
  input.on('error', () => undefined)
  // Node makes such pipes sockets, and a socket can be told not to keep this process running.
  if (input instanceof Socket) input.unref()
  return () => {
    input.end('done\n')
  }
}
