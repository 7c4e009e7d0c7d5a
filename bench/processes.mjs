// The processes of a measurement: started pinned to a core, watched through /proc, ended by their number. Whatever
// happens to bench/run, the ones it started are ended with it.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const running = new Set();

function read(path) {
    try {
        return readFileSync(path, 'utf8');
    } catch {
        return ''; // it has ended in between
    }
}

// The process and all that it started, as numbers.
export function tree(pid) {
    const children = readdirSafe(`/proc/${pid}/task`).flatMap((thread) =>
        read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number));
    return [pid, ...children.flatMap(tree)];
}

function readdirSafe(path) {
    try {
        return readdirSync(path);
    } catch {
        return [];
    }
}

function kill(pid, signal) {
    try {
        process.kill(pid, signal);
    } catch {
        // it has ended already
    }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
process.on('exit', () => {
    for (const child of running) tree(child.pid).reverse().forEach((pid) => kill(pid, 'SIGKILL'));
});

// Output goes to the file `log`. `core`: a number, or undefined for any.
export function start(command, args, { core, log, env = {} } = {}) {
    const out = openSync(log ?? '/dev/null', 'w');
    const [program, rest] = core === undefined ? [command, args] : ['taskset', ['-c', `${core}`, command, ...args]];
    const child = spawn(program, rest, { stdio: ['ignore', out, out], env: { ...process.env, ...env } });
    closeSync(out);
    child.log = log;
    child.ended = new Promise((resolve) => {
        child.on('exit', resolve);
        child.on('error', resolve);
    });
    running.add(child);
    child.ended.then(() => running.delete(child));
    return child;
}

// SIGTERM, and SIGKILL for what is left after ten seconds.
export async function end(child) {
    const pids = tree(child.pid);
    kill(child.pid, 'SIGTERM');
    const late = setTimeout(() => pids.reverse().forEach((pid) => kill(pid, 'SIGKILL')), 10000);
    await child.ended;
    clearTimeout(late);
}

export async function endAll() {
    await Promise.all([...running].map(end));
}

// Runs a program to its end; its standard output. Throws with what it said when it fails or takes too long.
export function run(command, args, { core, seconds = 600, env = {}, quiet = true } = {}) {
    const [program, rest] = core === undefined ? [command, args] : ['taskset', ['-c', `${core}`, command, ...args]];
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', quiet ? 'pipe' : 'inherit'], env: { ...process.env, ...env } });
    running.add(child);
    let out = '';
    let said = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr?.on('data', (data) => { said = (said + data).slice(-8000); });
    const late = setTimeout(() => kill(child.pid, 'SIGKILL'), seconds * 1000);
    return new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code, signal) => {
            clearTimeout(late);
            running.delete(child);
            if (code === 0) resolve(out);
            else reject(new Error(`${command} ${args.join(' ').slice(0, 300)}\nended with ${signal ?? code}\n${said}${out}`));
        });
    });
}

export async function freePort() {
    const server = createServer();
    await new Promise((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
}

// Until `url` answers 200.
export async function ready(child, url, seconds = 30) {
    const limit = performance.now() + seconds * 1000;
    while (performance.now() < limit) {
        if (child.exitCode !== null) break;
        try {
            if ((await fetch(url, { signal: AbortSignal.timeout(2000) })).status === 200) return;
        } catch {
            // not yet
        }
        await sleep(20);
    }
    const said = child.log ? read(child.log).slice(-3000) : '';
    throw new Error(`${url} did not answer 200 within ${seconds} s${child.exitCode === null ? '' : ` (ended with ${child.exitCode})`}\n${said}`);
}

// Until the port takes connections: for what `ready` cannot ask.
export async function opened(child, port, seconds = 30) {
    const limit = performance.now() + seconds * 1000;
    while (performance.now() < limit && child.exitCode === null) {
        const socket = connect(port, '127.0.0.1');
        const good = await new Promise((resolve) => socket.on('connect', () => resolve(true)).on('error', () => resolve(false)));
        socket.destroy();
        if (good) return;
        await sleep(20);
    }
    throw new Error(`port ${port} was not open within ${seconds} s\n${child.log ? read(child.log).slice(-3000) : ''}`);
}

// Nanoseconds that the scheduler has given to all threads of these processes, and to those among them whose name
// starts with `name`. Threads that have ended are left out: servers keep theirs.
function cpuOf(pids, name = 'loop-') {
    let all = 0, named = 0;
    for (const pid of pids)
        for (const thread of readdirSafe(`/proc/${pid}/task`)) {
            const ns = Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] || 0);
            all += ns;
            if (read(`/proc/${pid}/task/${thread}/comm`).startsWith(name)) named += ns;
        }
    return { all, named };
}

// CPU seconds that a server and its children spend on what `work` does, with what they do shortly after it (records
// are committed behind the replies); of these, its loop threads'.
export async function cpuDuring(child, work) {
    await sleep(150);
    const pids = tree(child.pid);
    const before = cpuOf(pids);
    const result = await work();
    await sleep(300);
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode} during the measurement`);
    const after = cpuOf(pids);
    return { seconds: (after.all - before.all) / 1e9, loops: (after.named - before.named) / 1e9, result };
}

// Resident memory in megabytes (10^6): all of it, and what is not shared with others.
export function memory(pid) {
    const field = (name) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024 / 1e6;
    return { resident: field('Rss'), own: field('Private_Clean') + field('Private_Dirty') };
}

export function nameOf(pid) {
    return read(`/proc/${pid}/comm`).trim();
}
