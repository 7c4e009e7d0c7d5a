// Starts http_echo and speaks to it byte by byte: what the tests of the protocol share.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const build = path.resolve(root, process.env.PENSTOCK_BUILD ?? 'build');
export const binary = process.env.PENSTOCK_HTTP_ECHO ?? path.join(build, 'tests/e2e/http_echo');

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Ends with the test `t`, which fails when the server did not exit cleanly (a sanitizer's report, say). */
export async function startServer(t, options = {}, { shell } = {}) {
  const args = Object.entries(options).flatMap(([name, value]) => [].concat(value).flatMap((v) => [`--${name}`, `${v}`]));
  const env = { ...process.env, UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1' };
  const stdio = ['ignore', 'pipe', 'pipe'];
  const child = shell
    ? spawn('/bin/sh', ['-c', `${shell}; exec "$0" "$@"`, binary, ...args], { env, stdio })
    : spawn(binary, args, { env, stdio });
  const server = { child, errors: '', exited: once(child, 'close') };
  child.stderr.on('data', (text) => (server.errors += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  server.nextLine = async () => JSON.parse((await lines.next()).value ?? 'null');
  const first = await server.nextLine();
  if (!first) {
    await server.exited;
    throw new Error(`the server did not start: ${server.errors}`);
  }
  server.ports = first.ports;
  server.port = first.ports[0];
  server.stop = async () => {
    child.kill('SIGTERM');
    const last = await server.nextLine();
    const [code] = await server.exited;
    if (code !== 0) throw new Error(`the server exited with ${code}: ${server.errors}`);
    return last;
  };
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) await server.stop();
    else if (child.exitCode !== 0) throw new Error(`the server exited with ${child.exitCode}: ${server.errors}`);
  });
  return server;
}

/** A client that sees every byte. Give a connected `socket` for TLS. */
export class Client {
  constructor(socket) {
    this.socket = socket;
    this.bytes = Buffer.alloc(0); // received and not yet taken: a view of #room
    this.ended = false; // FIN
    this.error = null;
    socket.on('data', (chunk) => {
      this.#append(chunk);
    });
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.closed = true));
    socket.on('error', (error) => (this.error = error));
  }

  #room = Buffer.alloc(0);
  #at = 0;

  #append(chunk) {
    const used = this.bytes.length;
    if (this.bytes.buffer !== this.#room.buffer || this.#at + chunk.length > this.#room.length) {
      this.#room = Buffer.allocUnsafeSlow(2 * (used + chunk.length) + 1024);
      this.bytes.copy(this.#room);
      this.#at = used;
    }
    chunk.copy(this.#room, this.#at);
    this.#at += chunk.length;
    this.bytes = this.#room.subarray(this.#at - used - chunk.length, this.#at);
  }

  static async connect(port, { host = '127.0.0.1', ...options } = {}) {
    const socket = net.connect({ port, host, allowHalfOpen: true, noDelay: true, ...options });
    await once(socket, 'connect');
    return new Client(socket);
  }

  send(text) {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
    return this;
  }

  async until(condition, what, ms = 60_000) {
    const end = performance.now() + ms;
    while (!condition()) {
      if (performance.now() > end) throw new Error(`no ${what} within ${ms} ms; got ${JSON.stringify(this.bytes.toString('latin1', 0, 300))}`);
      await sleep(2);
    }
  }

  /** The next whole reply, behind any "102 Processing", which are counted. `bodiless` for those to HEAD. */
  async reply({ bodiless = false } = {}) {
    for (;;) {
      const reply = await this.anyReply(bodiless);
      if (reply.status !== 102) return reply;
      this.interim = (this.interim ?? 0) + 1;
    }
  }

  async anyReply(bodiless) {
    const gone = () => this.closed || this.ended;
    await this.until(() => this.bytes.includes('\r\n\r\n') || gone(), 'reply');
    const end = this.bytes.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`closed without a reply (${this.error ?? 'FIN'})`);
    const [statusLine, ...lines] = this.bytes.toString('latin1', 0, end).split('\r\n');
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
    }));
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)[1]);
    if (headers['transfer-encoding'] === 'chunked' && !bodiless) {
      this.bytes = this.bytes.subarray(end + 4);
      return { status, statusLine, headers, ...(await this.chunks()) };
    }
    const length = bodiless || status < 200 ? 0 : Number(headers['content-length']);
    await this.until(() => this.bytes.length >= end + 4 + length || gone(), 'body');
    const body = this.bytes.subarray(end + 4, end + 4 + length).toString('latin1');
    if (body.length !== length) throw new Error(`the body ended after ${body.length} of ${length} bytes`);
    this.bytes = this.bytes.subarray(end + 4 + length);
    return { status, statusLine, headers, body, json: () => JSON.parse(body) };
  }

  /** A chunked body, strictly: its text and the sizes of its chunks. */
  async chunks() {
    const parts = [];
    const sizes = [];
    const gone = () => this.closed || this.ended;
    for (;;) {
      await this.until(() => this.bytes.includes('\r\n') || gone(), 'chunk');
      const line = this.bytes.toString('latin1', 0, Math.max(0, this.bytes.indexOf('\r\n')));
      if (!/^[0-9a-f]{1,8}$/.test(line)) throw new Error(`the chunked body ended after ${sizes.length} chunks (${JSON.stringify(line)})`);
      const size = parseInt(line, 16);
      const start = line.length + 2;
      await this.until(() => this.bytes.length >= start + size + 2 || gone(), 'end of the chunk');
      if (this.bytes.toString('latin1', start + size, start + size + 2) !== '\r\n') throw new Error('a chunk does not end where it should');
      parts.push(this.bytes.toString('latin1', start, start + size));
      this.bytes = this.bytes.subarray(start + size + 2);
      if (size === 0) return { body: parts.join(''), sizes };
      sizes.push(size);
    }
  }

  /** The server has ended the connection, in order. */
  async end(ms) {
    await this.until(() => this.ended || this.closed, 'end of the connection', ms);
    if (this.error) throw this.error;
  }

  get isOpen() {
    return !this.ended && !this.closed;
  }

  close() {
    this.socket.destroy();
  }
}

export async function ask(port, text) {
  const client = await Client.connect(port);
  try {
    return await client.send(text).reply();
  } finally {
    client.close();
  }
}

export const get = (target, ...headers) => ['GET ' + target + ' HTTP/1.1', 'Host: a', ...headers, '', ''].join('\r\n');

export const counts = async (port) => (await ask(port, get('/counts', 'Connection: close'))).json();

/** Until the server's counts fulfil the condition. */
export async function untilCounts(port, condition, ms = 60_000) {
  const end = performance.now() + ms;
  for (;;) {
    const now = await counts(port);
    if (condition(now)) return now;
    if (performance.now() > end) throw new Error(`counts stay at ${JSON.stringify(now)}`);
    await sleep(20);
  }
}

/** CPU time of all threads, in seconds. */
export function cpuSeconds(pid) {
  let ns = 0;
  for (const thread of fs.readdirSync(`/proc/${pid}/task`))
    ns += Number(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return ns / 1e9;
}
