// What the console asks of a server whose store holds ten million records: each call alone, from request to last byte, and the
// memory of the server before the first and after the last of them.
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { prepare, serve, supportEndpoint, trainText } from '../penstock.mjs';
import { end, memory } from '../processes.mjs';
import { median } from '../statistics.mjs';

const RECORDS = 10_000_000, DAYS = 30, ROUNDS = 15, DAY_MS = 86_400_000;

export const title = `the console's calls over ${RECORDS.toLocaleString('en')} records`;

// A store of so many records, with the model that the endpoint names; kept between runs of one day.
async function filledStore(context) {
    const day = new Date().toISOString().slice(0, 10), store = join(context.work, `store-console-${day}`), note = `${store}.id`;
    if (existsSync(note)) return { store, id: execFileSync('cat', [note], { encoding: 'utf8' }).trim() };
    context.say(`writing ${RECORDS.toLocaleString('en')} records`);
    rmSync(store, { recursive: true, force: true });
    execFileSync('cp', ['-r', await trainText(context), store]);
    const id = execFileSync(join(context.build, 'bench/records_fill'), [store, String(RECORDS), String(DAYS)], { encoding: 'utf8' }).trim();
    writeFileSync(`${note}.new`, id);
    renameSync(`${note}.new`, note);
    return { store, id };
}

function calls(id) {
    const ago = (days) => new Date(Date.now() - days * DAY_MS).toISOString();
    return {
        'overview': '/v1/admin/overview',
        'an endpoint': '/v1/admin/endpoints/support',
        'requests, the newest': '/v1/admin/requests?limit=100',
        'requests of an endpoint': '/v1/admin/requests?endpoint=support&limit=100',
        'requests, failed, of a day three weeks ago': `/v1/admin/requests?status=503&from=${ago(21)}&to=${ago(20)}&limit=100`,
        'requests of a client that there is not': '/v1/admin/requests?client=nobody&limit=100',
        'a request of two weeks ago': `/v1/requests/${id}`,
        'review': '/v1/review?limit=100',
        'rollouts': '/v1/admin/rollouts',
        'history': '/v1/admin/history?limit=100',
        'monitors': '/v1/admin/monitors',
        'alerts': '/v1/admin/alerts',
        'incidents': '/v1/admin/incidents',
        'costs by endpoint': '/v1/admin/costs?by=endpoint',
        'audit': '/v1/admin/audit?limit=100',
    };
}

async function timed(url, headers) {
    const start = performance.now();
    const reply = await fetch(url, { headers });
    const text = await reply.text(), took = performance.now() - start;
    if (reply.status !== 200) throw new Error(`${url}: ${reply.status} ${text.slice(0, 300)}`);
    return took;
}

export async function run(context) {
    const { store, id } = await filledStore(context);
    const prepared = await prepare(context, { name: 'console', store, loops: 1, endpoints: supportEndpoint, role: 'admin' });
    const { server, port, headers } = await serve(prepared);
    const of = Object.fromEntries(headers.map((line) => line.split(': ')));
    const before = memory(server.pid).resident;
    for (const [figure, path] of Object.entries(calls(id))) {
        const taken = [];
        for (let i = 0; i < ROUNDS; i++) taken.push(await timed(`http://127.0.0.1:${port}${path}`, of));
        context.add({ figure, value: median(taken), unit: 'ms', spread: [Math.min(...taken), Math.max(...taken)], limit: { of: 'value', most: 200 } });
    }
    context.add({ figure: 'resident memory before', value: before, unit: 'MB' });
    context.add({ figure: 'resident memory after', value: memory(server.pid).resident, unit: 'MB', against: 'before', ratio: memory(server.pid).resident / before });
    await end(server);
}
