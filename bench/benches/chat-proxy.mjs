// A whole chat of 1 KB through the gateway, every stage on (gateway.mjs): CPU per request against nginx's proxy_pass alone, in
// turns on one core; the upstream and the generator have the other. Portkey's gateway, which has no key, budget, cache or record
// here, beside them.
import { compareProxies } from '../proxying.mjs';
import { completion, startGateway, writeQuestions } from '../gateway.mjs';
import { load } from '../load.mjs';
import { startNginx, startNginxProxy } from '../peers/nginx.mjs';
import { startPortkey } from '../peers/portkey.mjs';
import { end } from '../processes.mjs';
import { measure } from './predict-text.mjs';

const PEER_REQUESTS = 4000;

export const title = 'a chat of 1 KB through the gateway, every stage on';

async function addPortkey(context, upstream, bodies, ours) {
    const peer = await startPortkey(context, upstream.port);
    if (!peer) {
        context.add({ figure: "Portkey's gateway could not be installed: rows", value: 0, unit: '' });
        return;
    }
    const request = { path: '/v1/chat/completions', headers: ['content-type: application/json', ...peer.headers], bodies, connections: 64, expect: ['"finish_reason":"stop"'] };
    await load(context, { port: peer.port, ...request, requests: 500 });
    const { us } = await measure(context, peer, { ...request, requests: PEER_REQUESTS });
    context.add({ figure: `CPU per request, ${peer.name}, 64 connections`, value: us, unit: 'µs', against: 'Penstock', ratio: us / ours });
    await end(peer.server);
}

export async function run(context) {
    const bodies = writeQuestions(context);
    const upstream = await startNginx(context, completion, { name: 'nginx-upstream', core: context.cores.load });
    const ours = await startGateway(context, `http://127.0.0.1:${upstream.port}/v1`);
    const nginx = await startNginxProxy(context, upstream.port, { kept: 1024 });
    const [us] = await compareProxies(context, { ours, nginx, bodies, most: 1.2 });
    await Promise.all([ours, nginx].map((peer) => end(peer.server)));
    await addPortkey(context, upstream, bodies, us);
    await end(upstream.server);
}
