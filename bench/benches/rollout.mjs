// What a rollout costs the requests that it splits: two gateways before one upstream, in turns on one core; at one of them a
// rollout gives half of the requests to another model of the same upstream, and counts what both sides do.
import { checkNothingCached, completion, question, startGateway, writeQuestions } from '../gateway.mjs';
import { load } from '../load.mjs';
import { startNginx } from '../peers/nginx.mjs';
import { end, run as runOnce } from '../processes.mjs';
import { median, ratios, spread } from '../statistics.mjs';
import { measure } from './predict-text.mjs';

const REQUESTS = 60000, WARM_UP = 6000;

export const title = 'a chat while a rollout splits its endpoint, beside one without';

export async function run(context) {
    const bodies = writeQuestions(context);
    const upstream = await startNginx(context, completion, { name: 'nginx-upstream', core: context.cores.load });
    const url = `http://127.0.0.1:${upstream.port}/v1`;
    const peers = { without: await startGateway(context, url), during: await startGateway(context, url, { name: 'chat-rollout' }) };
    const [program, [, ...config]] = peers.during.command;
    const plan = ['--steps', '50', '--pause', '1h', '--limit', '2h', '--override', 'a benchmark', '--by', 'bench'];
    await runOnce(program, ['deploy', 'assistant', 'main/small-2', ...config, ...plan]);
    const runs = { without: [], during: [] }, entries = Object.entries(peers);
    const ask = (peer) => ({ ...question(peer, bodies), connections: 64 });
    for (const [, peer] of entries) await load(context, { port: peer.port, ...ask(peer), requests: WARM_UP });
    for (let round = 0; round < context.rounds; round++)
        for (const [name, peer] of round % 2 ? [...entries].reverse() : entries)
            runs[name].push(await measure(context, peer, { ...ask(peer), requests: REQUESTS }));
    for (const [, peer] of entries) await checkNothingCached(peer);
    const us = (list) => list.map((r) => r.us), p50 = (list) => list.map((r) => r.p50_us);
    for (const [figure, of, unit] of [['CPU per request during a rollout', us, 'µs'], ['latency p50 during a rollout', p50, 'µs']]) {
        const cost = ratios(of(runs.during), of(runs.without));
        context.add({ figure, value: median(of(runs.during)), unit, against: 'the same without one', ratio: median(cost), spread: spread(cost), limit: { of: 'ratio', most: 1.02 } });
    }
    await Promise.all([peers.without, peers.during, upstream].map((peer) => end(peer.server)));
}
