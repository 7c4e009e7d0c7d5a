// What the gateway adds to an upstream's own latency: an open loop at half of the rate that it can carry, through it and directly to the
// upstream, in turns. Latency counts from when a request was due, so a stall is seen by all that wait behind it.
import { checkNothingCached, completion, question, startGateway, writeQuestions } from '../gateway.mjs';
import { load } from '../load.mjs';
import { startNginx, startNginxProxy } from '../peers/nginx.mjs';
import { end } from '../processes.mjs';
import { median, spread } from '../statistics.mjs';

const SECONDS = 4, CONNECTIONS = 256, CAPACITY_REQUESTS = 60000;

export const title = 'latency added to an upstream, open loop at half load';

const differences = (through, direct, name) => through.map((run, i) => (run[name] - direct[i][name]) / 1000);

function addRows(context, who, through, direct, limits) {
    for (const [name, figure, most] of [['p50_us', 'p50', limits?.p50], ['p99_us', 'p99', limits?.p99]]) {
        const added = differences(through, direct, name);
        context.add({ figure: `${figure} added by ${who}`, value: median(added), unit: 'ms', against: 'the upstream directly', ratio: median(through.map((run) => run[name])) / median(direct.map((run) => run[name])), spread: spread(added), ...(most && { limit: { of: 'value', most } }) });
    }
}

export async function run(context) {
    const bodies = writeQuestions(context);
    const upstream = await startNginx(context, completion, { name: 'nginx-upstream', core: context.cores.load });
    const ours = await startGateway(context, `http://127.0.0.1:${upstream.port}/v1`);
    const nginx = await startNginxProxy(context, upstream.port, { kept: 1024 });
    const request = { ...question(ours, bodies), connections: 64 };
    const { per_second: capacity } = await load(context, { port: ours.port, ...request, requests: CAPACITY_REQUESTS });
    const rate = capacity / 2, runs = { ours: [], nginx: [], direct: [] };
    for (const peer of [nginx, upstream]) await load(context, { port: peer.port, ...request, requests: 3000 });
    for (let round = 0; round < context.rounds; round++)
        for (const [name, peer] of Object.entries({ direct: upstream, ours, nginx }))
            runs[name].push(await load(context, { port: peer.port, ...request, connections: CONNECTIONS, requests: Math.round(rate * SECONDS), rate }));
    await checkNothingCached(ours);
    context.add({ figure: 'rate, half of what one core carries', value: rate, unit: '1/s' });
    context.add({ figure: 'p50 of the upstream directly', value: median(runs.direct.map((r) => r.p50_us)) / 1000, unit: 'ms' });
    context.add({ figure: 'p99 of the upstream directly', value: median(runs.direct.map((r) => r.p99_us)) / 1000, unit: 'ms' });
    addRows(context, 'Penstock', runs.ours, runs.direct, { p50: 0.15, p99: 0.5 });
    addRows(context, 'nginx, proxy_pass', runs.nginx, runs.direct);
    await Promise.all([ours, nginx, upstream].map((peer) => end(peer.server)));
}
