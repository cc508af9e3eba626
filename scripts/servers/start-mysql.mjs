import { spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { baseOptions, createDataDirectory, endOfLog } from './data-directory.mjs'
import { findServer } from './find-server.mjs'
import { freePort } from './free-port.mjs'
import { endWithThisProcess } from './watchdog.mjs'

/** @typedef {import('./find-server.mjs').Flavour} Flavour */
/** @typedef {import('./find-server.mjs').Server} Server */

/**
 * A throwaway server with a binlog that a change stream can be read from.
 *
 * @typedef {object} RunningMysql
 * @property {Flavour} flavour
 * @property {string} version as the server itself says it
 * @property {string} host
 * @property {number} port
 * @property {string} user may do everything
 * @property {string} password
 * @property {string} url `mysql://user:password@host:port`, without a schema
 * @property {number} pid of the process that runs now
 * @property {string} logFile what the server reported
 * @property {() => Promise<void>} stop ends it and removes its folder; may be called again
 * @property {(signal?: NodeJS.Signals) => Promise<void>} kill sends the signal and waits for the end; the data stay
 * @property {() => Promise<void>} restart starts it again on the same data and port, ending it first if it runs
 */

/**
 * @typedef {object} StartOptions
 * @property {Flavour} flavour
 * @property {string} [dir] the folder to make the server's own folder in; default is the system's for temporary files
 * @property {Record<string, string | number | null>} [options] server options by their long name, over the defaults;
 *   `null` leaves a default out
 * @property {(step: string) => void} [announce] is told when a server has to be fetched first
 */

/**
 * @param {StartOptions} request
 * @returns {Promise<RunningMysql>}
 */
export async function startMysql({ flavour, dir = tmpdir(), options = {}, announce }) {
  const server = await findServer(flavour, announce === undefined ? {} : { announce })
  const folder = await mkdtemp(join(dir, `syncline-${flavour}-`))
  // The running server has a watchdog of its own.
  const callOffWatchdog = endWithThisProcess(undefined, folder)
  const account = { user: 'syncline', password: randomBytes(12).toString('hex') }
  try {
    await createDataDirectory(server, join(folder, 'data'), account)
    const process = new ServerProcess(server, folder, { ...defaultOptions(flavour), ...options })
    await process.startOnFreePort()
    return runningMysql(process, account)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  } finally {
    callOffWatchdog()
  }
}

/**
 * @param {ServerProcess} process
 * @param {import('./data-directory.mjs').Account} account
 * @returns {RunningMysql}
 */
function runningMysql(process, { user, password }) {
  const host = '127.0.0.1'
  return {
    flavour: process.flavour,
    version: process.version,
    host,
    port: process.port,
    user,
    password,
    url: `mysql://${user}:${password}@${host}:${process.port}`,
    get pid() {
      return process.pid
    },
    logFile: process.logFile,
    stop: () => process.remove(),
    kill: (signal = 'SIGKILL') => process.end(signal),
    restart: async () => {
      await process.end('SIGTERM')
      await process.start(process.port)
    },
  }
}

/**
 * What reading changes needs, and the durability of a production server: a server that may forget a commit
 * would hide what a crash test is there to find.
 *
 * @param {Flavour} flavour
 * @returns {Record<string, string | number | null>}
 */
function defaultOptions(flavour) {
  return {
    'bind-address': '127.0.0.1',
    // Relative to the data directory: an absolute path can be longer than a socket's name may be.
    socket: 'server.sock',
    'skip-name-resolve': 'ON',
    'server-id': randomInt(1, 2 ** 31),
    'log-bin': 'binlog',
    'binlog-row-image': 'FULL',
    'binlog-row-metadata': 'FULL',
    'sync-binlog': 1,
    'innodb-flush-log-at-trx-commit': 1,
    'innodb-buffer-pool-size': '256M',
    'character-set-server': 'utf8mb4',
    ...(flavour === 'mysql'
      ? { 'gtid-mode': 'ON', 'enforce-gtid-consistency': 'ON', mysqlx: 'OFF' }
      : { 'binlog-format': 'ROW' }),
  }
}

class ServerProcess {
  port = 0
  version = ''
  #server
  #folder
  #options
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child
  /** @type {Promise<void>} */
  #ended = Promise.resolve()
  #callOffWatchdog = () => {}

  /**
   * @param {Server} server
   * @param {string} folder
   * @param {Record<string, string | number | null>} options
   */
  constructor(server, folder, options) {
    this.#server = server
    this.#folder = folder
    this.#options = options
  }

  get flavour() {
    return this.#server.flavour
  }

  get pid() {
    return this.#child?.pid ?? 0
  }

  get logFile() {
    return join(this.#folder, 'server.log')
  }

  async startOnFreePort() {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.start(await freePort())
        return
      } catch (error) {
        const portWasTaken = /address already in use|bind on tcp/i.test(String(error))
        if (!portWasTaken || attempt === 5) throw error
      }
    }
  }

  /** @param {number} port */
  async start(port) {
    const pidFile = join(this.#folder, 'server.pid')
    await rm(pidFile, { force: true })
    this.#spawn([
      ...(await baseOptions(this.#server, join(this.#folder, 'data'))),
      `--port=${port}`,
      `--pid-file=${pidFile}`,
      ...Object.entries(this.#options).flatMap(([name, value]) =>
        value === null ? [] : `--${name}=${value}`,
      ),
    ])
    const deadline = Date.now() + 60_000
    // The process id is written once the port is bound: until then another server may answer on it.
    while ((await readFile(pidFile, 'utf8').catch(() => '')).trim() !== String(this.pid)) {
      await this.#stillStarting(deadline)
    }
    let version = await greetedVersion(port)
    while (version === undefined) {
      await this.#stillStarting(deadline)
      version = await greetedVersion(port)
    }
    this.port = port
    this.version = version
  }

  /** @param {string[]} args */
  #spawn(args) {
    const log = openSync(this.logFile, 'a')
    const [program = '', ...first] = this.#server.command
    // In a session of its own, so that Ctrl-C reaches only us and we decide how the server ends.
    const child = spawn(program, [...first, ...args], { detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    child.unref()
    this.#child = child
    if (child.pid !== undefined) this.#callOffWatchdog = endWithThisProcess(child.pid, this.#folder)
    this.#ended = new Promise((resolve) => {
      const ended = () => {
        this.#child = undefined
        this.#callOffWatchdog()
        resolve()
      }
      child.once('exit', ended).once('error', ended)
    })
  }

  /** @param {number} deadline */
  async #stillStarting(deadline) {
    if (this.#child === undefined || Date.now() > deadline) {
      await this.end('SIGKILL')
      throw new Error(`the ${this.flavour} server did not start: ${await endOfLog(this.logFile)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }

  /** @param {NodeJS.Signals} signal */
  async end(signal) {
    const child = this.#child
    if (child === undefined) return
    child.ref()
    child.kill(signal)
    await this.#ended
  }

  async remove() {
    // Nothing of a throwaway server is read again, so it need not shut down in order.
    await this.end('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/**
 * The version in the greeting that a server sends to everyone who connects; undefined while there is none.
 *
 * @param {number} port
 * @returns {Promise<string | undefined>}
 */
function greetedVersion(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const finish = (/** @type {string | undefined} */ version) => {
      socket.destroy()
      resolve(version)
    }
    socket.setTimeout(5_000, () => {
      finish(undefined)
    })
    socket.on('error', () => {
      finish(undefined)
    })
    socket.on('close', () => {
      finish(undefined)
    })
    socket.on('data', (packet) => {
      // Four bytes of header, the protocol version (10), then the server's version up to a zero byte.
      const text = packet.subarray(5, Math.max(5, packet.indexOf(0, 5))).toString('latin1')
      finish(packet[4] === 10 ? text.replace(/^5\.5\.5-/, '') : undefined)
    })
  })
}
