// Drives the real program: `penstock` from the folder in $PENSTOCK_BUILD (default build/), with a folder of its own for
// configuration and store, on a free loopback port. Every wait has a deadline; every server is ended by its process id,
// must end with 0 and must have left no sanitizer's report. Every reply is checked against the API's description.
// Deadlines are for what never comes: a machine that is slow, or busy with other things, must not reach them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkReply } from './openapi.mjs';
import { texts } from './samples.mjs';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const build = path.resolve(root, process.env.PENSTOCK_BUILD ?? 'build');
export const binary = path.join(build, 'penstock');
export const sharedData = path.resolve(root, process.env.PENSTOCK_SHARED_DATA ?? '../shared/data');

// A path below the shared test data, or undefined where it is absent.
export function shared(...parts) {
  const wanted = path.join(sharedData, ...parts);
  return fs.existsSync(wanted) ? wanted : undefined;
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Asks `probe` until it answers something true; its answer.
export async function until(what, probe, ms = 60_000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > end) assert.fail(`${what}: not within ${ms} ms`);
    await sleep(20);
  }
}

// A promise about time: `work` on what `prepare` gives takes at most `ms`, which a machine that is busy with other things
// may break some times, and a good server does not break every time. What `work` gives.
export async function within(what, ms, prepare, work) {
  const times = [];
  while (times.length < 10) {
    const ready = await prepare();
    const began = performance.now();
    const answer = await work(ready);
    times.push(Math.round(performance.now() - began));
    if (times.at(-1) <= ms) return answer;
  }
  assert.fail(`${what}: not within ${ms} ms; it took ${times.join(', ')} ms`);
}

// For what is counted by the minute or the day (UTC): the next one does not begin for so long.
export const minute = 60_000,
  day = 24 * 60 * minute;
export async function farFromEndOf(unit, ms) {
  const left = unit - (Date.now() % unit);
  if (left < ms) await sleep(left + 100);
}

// What is to be done at the end of a test, last things first (t.after alone goes in the order of the calls).
const endings = new WeakMap();
export function atEnd(t, work) {
  if (t.signal.aborted) {
    // Its time was up meanwhile: what it began now nobody would end, and the file would wait for it for ever.
    Promise.resolve().then(work).catch(() => {});
    throw new Error('the test ended before this was begun');
  }
  if (!endings.has(t)) {
    const list = [];
    endings.set(t, list);
    t.after(async () => {
      const failures = [];
      while (list.length)
        await Promise.resolve()
          .then(list.pop())
          .catch((error) => failures.push(error));
      if (failures.length) throw failures[0];
    });
  }
  endings.get(t).push(work);
}

export function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'penstock-e2e-'));
  atEnd(t, () => fs.rmSync(made, { recursive: true, force: true, maxRetries: 3 }));
  return made;
}

const environment = (extra) => ({
  ...process.env,
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  ...extra,
});

export function assertNoReport(stderr) {
  const report = /(ERROR: (Address|Leak|Thread|Memory)Sanitizer|runtime error:|broken invariant)[^]{0,3000}/.exec(
    stderr,
  );
  assert.ok(!report, report?.[0]);
}

// Runs one command to its end: {code, stdout, stderr}. `code`: what it must end with (null: anything).
export function command(args, { code = 0, env, cwd, timeout = 240_000, program = binary, input = '' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: environment(env), stdio: ['pipe', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    const deadline = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.stdout.setEncoding('utf8').on('data', (text) => (out.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (out.stderr += text));
    child.stdin.on('error', () => {}).end(input);
    child.on('error', reject);
    child.on('close', (ended, signal) => {
      clearTimeout(deadline);
      try {
        assertNoReport(out.stderr);
        assert.equal(signal, null, `penstock ${args.join(' ')} was ended by ${signal}\n${out.stderr}`);
        if (code !== null) assert.equal(ended, code, `penstock ${args.join(' ')}\n${out.stdout}${out.stderr}`);
        resolve({ code: ended, ...out });
      } catch (error) {
        reject(error);
      }
    });
  });
}

// Makes a key and gives it back.
export async function createKey(store, client, role = 'client', ...more) {
  const { stdout } = await command(['keys', 'create', '--client', client, '--role', role, '--store', store, ...more]);
  const key = /psk_[A-Za-z0-9_-]{43}/.exec(stdout)?.[0];
  assert.ok(key, `no key in: ${stdout}`);
  return key;
}

// Trains a version from rows: arrays of cells, the first one the header. "name@1".
export async function train(store, name, rows, ...more) {
  const csv = path.join(store, `${name}.csv`);
  fs.mkdirSync(store, { recursive: true });
  fs.writeFileSync(
    csv,
    rows.map((cells) => cells.map((cell) => `"${String(cell).replaceAll('"', '""')}"`).join(',') + '\n').join(''),
  );
  const { stdout } = await command(['train', name, '--data', csv, '--store', store, ...more]);
  return /^\S+@\d+/m.exec(stdout)[0];
}

// A store with the model that most tests need, in two versions: tickets@1 and tickets@2. Trained once for each build,
// since training takes seconds under a sanitizer, and kept in the build folder; the caller gets a copy.
export async function storeWithModels(t) {
  const { mtimeMs, size } = fs.statSync(binary);
  const kept = path.join(build, `e2e-models-${Math.round(mtimeMs)}-${size}`);
  if (!fs.existsSync(kept)) {
    const made = fs.mkdtempSync(path.join(build, 'e2e-new-'));
    await train(made, 'tickets', texts(120, 7), '--folds', '2');
    await train(made, 'tickets', texts(90, 8), '--folds', '2');
    try {
      fs.renameSync(made, kept);
    } catch (error) {
      if (!fs.existsSync(kept)) throw error; // another test was quicker
      fs.rmSync(made, { recursive: true });
    }
    for (const old of fs.readdirSync(build).filter((name) => name.startsWith('e2e-models-') && path.join(build, name) !== kept))
      fs.rmSync(path.join(build, old), { recursive: true, force: true });
  }
  const copy = folder(t);
  fs.cpSync(kept, copy, { recursive: true });
  return copy;
}

class Server {
  constructor(child, config, dir, log) {
    this.child = child;
    this.pid = child.pid;
    this.configPath = config;
    this.folder = dir;
    this.logPath = log;
    this.ended = new Promise((done) => child.on('exit', (code, signal) => done({ code, signal })));
    this.agents = [];
  }

  get stderr() {
    return fs.readFileSync(this.logPath, 'utf8');
  }

  // Lines of the log, parsed. What is not JSON (problems of a configuration) is left out.
  log(event) {
    const text = this.stderr;
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    const parsed = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    return event ? parsed.filter((line) => line.event === event) : parsed;
  }

  logged(event, test = () => true, ms = 60_000) {
    return until(`the log line "${event}"`, () => this.log(event).find(test), ms);
  }

  async listening() {
    const line = await Promise.race([
      this.logged('server.listening', undefined, 120_000),
      this.ended.then((end) => assert.fail(`the server ended at once: ${JSON.stringify(end)}\n${this.stderr}`)),
    ]);
    const [, scheme, port] = /on (https?):\/\/127\.0\.0\.1:(\d+)/.exec(line.message);
    this.port = Number(port);
    this.http = scheme === 'https' ? https : http;
    this.agent = this.newAgent({ keepAlive: true });
    return this;
  }

  newAgent(options) {
    const agent = new this.http.Agent(options);
    this.agents.push(agent);
    return agent;
  }

  // One request; {status, headers, text, body (the bytes), json}. A reply that arrives before the whole body was
  // sent counts. Options: headers, body (string or Buffer; anything else is sent as JSON), key, check (false: do not
  // compare with the API's description), timeout, and those of http.request.
  request(method, target, options = {}) {
    const { headers = {}, body, key, check = true, timeout = 120_000, ...more } = options;
    const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const type = bytes !== body ? { 'content-type': 'application/json' } : {};
    const auth = key ? { authorization: `Bearer ${key}` } : {};
    const length = bytes === undefined ? {} : { 'content-length': Buffer.byteLength(bytes) };
    return new Promise((resolve, reject) => {
      let answered = false;
      const call = this.http.request({
        host: '127.0.0.1',
        port: this.port,
        method,
        path: target,
        agent: this.agent,
        timeout,
        headers: { ...type, ...auth, ...length, ...headers },
        ...more,
      });
      call.on('timeout', () => call.destroy(new Error(`${method} ${target}: no answer within ${timeout} ms`)));
      call.on('error', (error) => answered || reject(error));
      call.on('response', (incoming) => {
        answered = true;
        const chunks = [];
        incoming.on('data', (chunk) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const reply = {
            method,
            path: target,
            status: incoming.statusCode,
            headers: incoming.headers,
            body: Buffer.concat(chunks),
          };
          reply.text = reply.body.toString();
          try {
            if (incoming.headers['content-type'] === 'application/json' && method !== 'HEAD')
              reply.json = JSON.parse(reply.text);
            if (check) checkReply(reply);
            resolve(reply);
          } catch (error) {
            reject(error);
          }
        });
      });
      call.end(bytes);
    });
  }

  get(target, options) {
    return this.request('GET', target, options);
  }

  predict(endpoint, body, options) {
    return this.request('POST', `/v1/endpoints/${endpoint}/predict`, { body, ...options });
  }

  // The same, with what must come back: the parsed body of a 200.
  async answer(endpoint, body, options) {
    const reply = await this.predict(endpoint, body, options);
    assert.equal(reply.status, 200, reply.text);
    return reply.json;
  }

  // What must be refused: the error. `status` and `code` are what it must have.
  async refused(endpoint, body, status, code, options) {
    const reply = await this.predict(endpoint, body, options);
    assert.equal(`${reply.status} ${reply.json?.error?.code}`, `${status} ${code}`, reply.text);
    return { ...reply.json.error, headers: reply.headers };
  }

  configure(config) {
    fs.writeFileSync(this.configPath, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  }

  // SIGHUP with a new configuration; waits until the log says what became of it.
  async reload(config) {
    const before = this.log('config.reloaded').length + this.log('config.refused').length;
    this.configure(config);
    this.child.kill('SIGHUP');
    await until('the reload', () => this.log('config.reloaded').length + this.log('config.refused').length > before);
  }

  // Waits until one of the programs that it started, its parsers, has worked since this call for a tenth of a second.
  parsing() {
    const before = ticksBelow(this.pid);
    return () => until('a parser to work', () => [...ticksBelow(this.pid)].some(([pid, ticks]) => ticks - (before.get(pid) ?? 0) >= 10));
  }

  // Is it still well? After whatever a test did to it.
  async healthy() {
    assert.equal((await this.get('/healthz')).status, 200);
    assertNoReport(this.stderr);
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
    this.stopped = true;
    for (const agent of this.agents) agent.destroy();
  }

  // SIGTERM, once: a second one ends the program at once.
  terminate() {
    if (!this.terminated) this.child.kill('SIGTERM');
    this.terminated = true;
  }

  // Ends it and waits; it must end with 0 and without a sanitizer's report.
  async stop() {
    if (this.stopped) return;
    this.stopped = true;
    this.terminate();
    const late = setTimeout(() => this.child.kill('SIGKILL'), 90_000);
    const end = await this.ended;
    clearTimeout(late);
    for (const agent of this.agents) agent.destroy();
    assertNoReport(this.stderr);
    assert.deepEqual(end, { code: 0, signal: null }, this.stderr.slice(-4000));
  }
}

// CPU time of the processes that this one started, and those that they did, in hundredths of a second: pid → ticks.
function ticksBelow(top) {
  const all = new Map();
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
      all.set(Number(pid), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
    } catch {
      // it has ended
    }
  const below = (pid) => pid !== undefined && (all.get(pid)?.parent === top || below(all.get(pid)?.parent));
  return new Map([...all].filter(([pid]) => below(pid)).map(([pid, { ticks }]) => [pid, ticks]));
}

let servers = 0;

// Starts a server. `config` lacks what every test has: the address, the store, and authentication, which is off unless
// it says otherwise. Options: store (a folder; default one of its own), env, wrapper (a program and arguments to start it with),
// file (a configuration that is there already, and is taken as it is but for the address; `config` is not looked at).
export async function serve(t, config, { store, dir = folder(t), env, wrapper = [], file: given } = {}) {
  const file = given ?? path.join(dir, 'penstock.yaml');
  const whole = complete(config, store ?? path.join(dir, 'store'));
  if (!given) fs.writeFileSync(file, JSON.stringify(whole, null, 2));
  const [program, ...args] = [...wrapper, binary, 'serve', '-c', file, ...(given ? ['--listen', '127.0.0.1:0'] : [])];
  const log = path.join(dir, `server-${servers++}.log`);
  const out = fs.openSync(log, 'w'); // a file: a pipe that this process does not empty in time would hold the server up
  const child = spawn(program, args, { env: environment(env), stdio: ['ignore', 'inherit', out] });
  fs.closeSync(out);
  const server = new Server(child, file, dir, log);
  server.config = whole;
  atEnd(t, () => server.stop());
  return server.listening();
}

export const complete = (config, store) => ({
  auth: { required: false },
  store: { path: store },
  ...config,
  server: { listen: '127.0.0.1:0', ...config.server },
});

// A multipart body: parts are {name, bytes, filename?, type?}. {body, headers}, ready for predict.
export function multipart(parts, { end = true } = {}) {
  const boundary = 'penstock-e2e-7d1f';
  const pieces = parts.flatMap(({ name, bytes, filename, type }) => [
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${filename ? `; filename="${filename}"` : ''}\r\n${type ? `content-type: ${type}\r\n` : ''}\r\n`,
    ),
    Buffer.from(bytes),
    Buffer.from('\r\n'),
  ]);
  if (end) pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return { body: Buffer.concat(pieces), headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}
