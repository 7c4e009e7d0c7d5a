// Two proxies before one upstream, in turns on one core: CPU per request at 64, 256 and 1,000 connections.
import { checkNothingCached, question } from './gateway.mjs';
import { load } from './load.mjs';
import { median, ratios, spread } from './statistics.mjs';
import { measure } from './benches/predict-text.mjs';

const REQUESTS = 60000, WARM_UP = 6000;

// Adds a row for each number of connections; the medians of ours.
export async function compareProxies(context, { ours, nginx, bodies, most, requests = REQUESTS }) {
    const medians = [];
    for (const connections of [64, 256, 1000]) {
        const request = { ...question(ours, bodies), connections };
        const runs = { ours: [], nginx: [] };
        for (const peer of [ours, nginx]) await load(context, { port: peer.port, ...request, requests: WARM_UP });
        for (let round = 0; round < context.rounds; round++) {
            runs.nginx.push(await measure(context, nginx, { ...request, requests }));
            runs.ours.push(await measure(context, ours, { ...request, requests }));
        }
        const us = (list) => list.map((r) => r.us), cpu = ratios(us(runs.ours), us(runs.nginx));
        medians.push(median(us(runs.ours)));
        context.add({ figure: `CPU per request, ${connections} connections`, value: median(us(runs.ours)), unit: 'µs', against: 'nginx, proxy_pass', ratio: median(cpu), spread: spread(cpu), limit: { of: 'ratio', most } });
        context.add({ figure: `of it on the loop, ${connections} connections`, value: median(runs.ours.map((r) => r.loopUs)), unit: 'µs' });
        context.add({ figure: `CPU per request, nginx, ${connections} connections`, value: median(us(runs.nginx)), unit: 'µs' });
    }
    await checkNothingCached(ours);
    return medians;
}
