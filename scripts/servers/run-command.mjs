import { spawn } from 'node:child_process'

/**
 * Runs a command to its end without a terminal and gives back what it printed.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, input?: string | undefined }} [options]
 * @returns {Promise<string>} stdout; rejects with the end of stderr when the command fails
 */
export function runCommand(command, args, { cwd, env, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => (stderr += text))
    // A command that ends without reading its input is judged by its exit code.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`${command} failed (${signal ?? String(code)}): ${lastLines(stderr || stdout)}`))
    })
  })
}

/** @param {string} text */
export function lastLines(text) {
  return text.trim().split('\n').slice(-15).join('\n')
}

/**
 * Does something again that may fail for reasons that pass, such as a mirror in the middle of an update.
 *
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {readonly number[]} [pausesMs] one entry for each repetition
 * @returns {Promise<T>}
 */
export async function withRetries(attempt, pausesMs = [2_000, 5_000, 15_000]) {
  for (const pause of pausesMs) {
    try {
      return await attempt()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
  return attempt()
}
