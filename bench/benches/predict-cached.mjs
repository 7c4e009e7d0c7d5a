// The same text again and again: the exact cache answers, everything else of the path stays on. CPU per request
// against nginx's constant reply, in turns on one core.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../load.mjs';
import { startNginx } from '../peers/nginx.mjs';
import { end } from '../processes.mjs';
import { median, ratios, spread } from '../statistics.mjs';
import { measure, sampleReplies, startSupport } from './predict-text.mjs';

const REQUESTS = 150000, WARM_UP = 10000;

export const title = 'a 60-character text seen before: the exact cache answers';

export async function run(context) {
    const body = JSON.stringify({ text: 'I still have not received my new card, I ordered it a while ago' });
    const bodies = join(context.work, 'same.ndjson');
    writeFileSync(bodies, `${body}\n`);
    const penstock = await startSupport(context, 'predict-cached', 1, context.cores.server);
    const { reply } = await sampleReplies(penstock, [body, body], 2);
    const nginx = await startNginx(context, reply);
    const request = { path: '/v1/endpoints/support/predict', headers: ['content-type: application/json', ...penstock.headers], bodies, expect: ['"prediction":"', '"cached":true'] };
    const runs = { ours: [], nginx: [] };
    await load(context, { port: penstock.port, ...request, requests: WARM_UP });
    await load(context, { port: nginx.port, ...request, requests: WARM_UP });
    for (let round = 0; round < context.rounds; round++) {
        runs.nginx.push(await measure(context, nginx, { ...request, requests: REQUESTS }));
        runs.ours.push(await measure(context, penstock, { ...request, requests: REQUESTS }));
    }
    await Promise.all([penstock, nginx].map((peer) => end(peer.server)));
    const us = (list) => list.map((r) => r.us), cpu = ratios(us(runs.ours), us(runs.nginx));
    context.add({ figure: 'CPU per request (1 loop)', value: median(us(runs.ours)), unit: 'µs', against: 'nginx, constant reply', ratio: median(cpu), spread: spread(cpu), limit: { of: 'ratio', most: 1.5 } });
    context.add({ figure: 'of it on the loop (the rest is the recorder)', value: median(runs.ours.map((r) => r.loopUs)), unit: 'µs' });
    context.add({ figure: 'CPU per request, nginx', value: median(us(runs.nginx)), unit: 'µs' });
    const rates = ratios(runs.ours.map((r) => r.rate), runs.nginx.map((r) => r.rate));
    context.add({ figure: 'requests per second on one core', value: median(runs.ours.map((r) => r.rate)), unit: '1/s', against: 'nginx, constant reply', ratio: median(rates), spread: spread(rates) });
}
