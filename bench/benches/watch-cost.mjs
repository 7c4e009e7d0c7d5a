// What knowing costs: a prediction while everything that watches is on (monitors against the version's reference profile, alerts,
// the random audit), beside a server with all of it off, in turns on one core.
import { load } from '../load.mjs';
import { prepare, serve, supportEndpoint, trainText } from '../penstock.mjs';
import { end } from '../processes.mjs';
import { median, ratios, spread } from '../statistics.mjs';
import { writeBodies } from '../texts.mjs';
import { measure } from './predict-text.mjs';

const REQUESTS = 60000, WARM_UP = 10000;

export const title = 'a prediction with monitors, alerts and random audit, beside one without';

const variants = {
    on: { endpoint: 'review: {audit: 1%}', extra: '' },
    off: { endpoint: 'monitors: {enabled: false}\nreview: {audit: 0%}', extra: 'alerts: {enabled: false}\n' },
};

async function startVariant(context, name, { endpoint, extra }) {
    const endpoints = `${supportEndpoint}  ${endpoint.replace('\n', '\n  ')}\n`;
    return serve(await prepare(context, { name: `watch-${name}`, store: await trainText(context), loops: 1, endpoints, extra }), context.cores.server);
}

export async function run(context) {
    const texts = writeBodies(context, (REQUESTS * context.rounds + WARM_UP) * 2), entries = [];
    for (const [name, variant] of Object.entries(variants)) entries.push([name, await startVariant(context, name, variant)]);
    const runs = { on: [], off: [] };
    let first = 0;
    const ask = (peer, requests) => ({
        path: '/v1/endpoints/support/predict', headers: ['content-type: application/json', ...peer.headers], bodies: texts.path,
        expect: ['"prediction":"', '"cached":false'], first: (first += requests) - requests, requests,
    });
    for (const [, peer] of entries) await load(context, { port: peer.port, ...ask(peer, WARM_UP) });
    for (let round = 0; round < context.rounds; round++)
        for (const [name, peer] of round % 2 ? [...entries].reverse() : entries) runs[name].push(await measure(context, peer, ask(peer, REQUESTS)));
    const us = (list) => list.map((r) => r.us), cost = ratios(us(runs.on), us(runs.off));
    context.add({ figure: 'CPU per request, everything on', value: median(us(runs.on)), unit: 'µs', against: 'everything off', ratio: median(cost), spread: spread(cost), limit: { of: 'ratio', most: 1.1 } });
    context.add({ figure: 'CPU per request, everything off', value: median(us(runs.off)), unit: 'µs' });
    context.add({ figure: 'of it on the loop, everything on', value: median(runs.on.map((r) => r.loopUs)), unit: 'µs', against: 'everything off', ratio: median(ratios(runs.on.map((r) => r.loopUs), runs.off.map((r) => r.loopUs))) });
    await Promise.all(entries.map(([, peer]) => end(peer.server)));
}
