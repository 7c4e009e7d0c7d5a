// Penstock as it is measured: trained by its own command, a key made by its own command, every stage on.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cores as machineCores } from './machine.mjs';
import { freePort, ready, run, start } from './processes.mjs';

export const binary = (context) => join(context.build, 'penstock');

// The code that decides what a trained model is: a store made by other code is trained anew.
function trainingCode(context) {
    const hash = createHash('sha256');
    for (const floor of ['store', 'models', 'documents', 'learn'])
        for (const entry of readdirSync(join(context.root, 'src', floor), { recursive: true, withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1)))
            if (entry.isFile() && /\.[ch]$/.test(entry.name)) hash.update(readFileSync(join(entry.parentPath ?? entry.path, entry.name)));
    return hash;
}

// A store with model `name` trained on `data` (a CSV or a folder); `identity` says what is in `data`. Kept between runs.
export async function trainedStore(context, name, data, identity) {
    const hash = trainingCode(context).update(identity).digest('hex').slice(0, 16);
    const store = join(context.work, `store-${name}-${hash}`);
    if (!existsSync(store)) {
        const unfinished = `${store}.unfinished`;
        rmSync(unfinished, { recursive: true, force: true });
        context.say(`training ${name} with penstock train`);
        const started = performance.now();
        const printed = await run(binary(context), ['train', name, '--data', data, '--store', unfinished], { seconds: 1800 });
        writeFileSync(`${store}.txt`, `${printed}\ntrained in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
        renameSync(unfinished, store);
    }
    return store;
}

export function trainText(context) {
    const data = join(context.data, 'banking77/train.csv');
    return trainedStore(context, 'banking77', data, readFileSync(data));
}

// A copy of the store for one server, which writes its records there.
function freshStore(context, store, name) {
    const copy = join(context.work, `serving-${name}`);
    rmSync(copy, { recursive: true, force: true });
    cpSync(store, copy, { recursive: true });
    return copy;
}

async function makeKey(context, store, role) {
    const printed = await run(binary(context), ['keys', 'create', '--client', 'bench', '--role', role, '--store', store]);
    const key = /\b[A-Za-z]+_[A-Za-z0-9_-]{20,}/.exec(printed)?.[0];
    if (!key) throw new Error(`no key in what "penstock keys create" printed:\n${printed}`);
    return key;
}

function indent(text, by) {
    return text.split('\n').map((line) => (line ? ' '.repeat(by) + line : line)).join('\n');
}

// Writes configuration, key and store of a server named `name`; nothing runs yet. `endpoints`: YAML.
export async function prepare(context, { name, store, loops, endpoints, extra = '', role = 'client' }) {
    const folder = join(context.work, name);
    mkdirSync(folder, { recursive: true });
    const copy = freshStore(context, store, name);
    const port = await freePort();
    const config = join(folder, 'penstock.yaml');
    writeFileSync(join(folder, 'verify.lua'), 'function verify(r)\n    return r.confidence > 0.5\nend\n');
    writeFileSync(config, `server:
  listen: 127.0.0.1:${port}
  loops: ${loops}
store:
  path: ${copy}
limits:
  rate: 10000000
pricing:
  cpu_hour_usd: 0.04
${extra}endpoints:
${indent(endpoints, 2)}`);
    const key = await makeKey(context, copy, role);
    return { port, config, log: join(folder, 'log.ndjson'), headers: [`authorization: Bearer ${key}`], command: [binary(context), ['serve', '-c', config]] };
}

// Starts what was prepared, pinned to `core` (undefined: any). OMP_THREAD_LIMIT is Penstock's own business.
export async function serve(prepared, core) {
    const server = start(...prepared.command, { core, log: prepared.log });
    await ready(server, `http://127.0.0.1:${prepared.port}/readyz`);
    return { ...prepared, server };
}

export const supportEndpoint = `support:
  owner: bench@example.com
  accepts: text
  rollout:
    - model: banking77@1
  rules: verify.lua
  fallbacks:
    - review: true
`;

export const loopsOfAllCores = () => machineCores().all.length;
