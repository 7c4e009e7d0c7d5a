// The server and the client of src/net with nothing between them, as a proxy before an upstream that answers with 1 KB:
// CPU per request against nginx's proxy_pass, in turns on one core. The upstream and the generator have the other. What a
// chat costs beyond this is Penstock's own stages.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../load.mjs';
import { startNginx, startNginxProxy } from '../peers/nginx.mjs';
import { end, freePort, ready, start } from '../processes.mjs';
import { median, ratios, spread } from '../statistics.mjs';
import { measure } from './predict-text.mjs';

const REQUESTS = 60000, WARM_UP = 6000;

export const title = 'server and client alone as a proxy of 1 KB chats';

const completion = JSON.stringify({
    id: 'chatcmpl-0123456789abcdef', object: 'chat.completion', created: 1760000000, model: 'small-1',
    choices: [{ index: 0, message: { role: 'assistant', content: 'A penstock is a gated conduit. '.repeat(24) }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 200, completion_tokens: 190, total_tokens: 390 },
});

const chat = JSON.stringify({
    model: 'small-1', temperature: 0.2,
    messages: [{ role: 'system', content: 'Answer briefly.' }, { role: 'user', content: 'What is a penstock, and who needs one? '.repeat(22) }],
});

async function startProxy(context, upstreamPort) {
    const port = await freePort();
    const server = start(join(context.build, 'bench/http_proxy'), ['--listen', `127.0.0.1:${port}`, '--upstream', `http://127.0.0.1:${upstreamPort}`, '--loops', '1'],
        { core: context.cores.server, log: join(context.work, 'http_proxy.out') });
    await ready(server, `http://127.0.0.1:${port}/`);
    return { server, port };
}

export async function run(context) {
    const bodies = join(context.work, 'chats.ndjson');
    writeFileSync(bodies, `${chat}\n`);
    const upstream = await startNginx(context, completion, { name: 'nginx-upstream', core: context.cores.load });
    const ours = await startProxy(context, upstream.port);
    const nginx = await startNginxProxy(context, upstream.port, { kept: 1024 });
    for (const connections of [64, 256, 1000]) {
        const request = { path: '/v1/chat/completions', headers: ['content-type: application/json', 'authorization: Bearer sk-0123456789'], bodies, connections, expect: ['"finish_reason":"stop"'] };
        const runs = { ours: [], nginx: [] };
        for (const peer of [ours, nginx]) await load(context, { port: peer.port, ...request, requests: WARM_UP });
        for (let round = 0; round < context.rounds; round++) {
            runs.nginx.push(await measure(context, nginx, { ...request, requests: REQUESTS }));
            runs.ours.push(await measure(context, ours, { ...request, requests: REQUESTS }));
        }
        const us = (list) => list.map((r) => r.us), cpu = ratios(us(runs.ours), us(runs.nginx));
        context.add({ figure: `CPU per request, ${connections} connections`, value: median(us(runs.ours)), unit: 'µs', against: 'nginx, proxy_pass', ratio: median(cpu), spread: spread(cpu) });
        context.add({ figure: `CPU per request, nginx, ${connections} connections`, value: median(us(runs.nginx)), unit: 'µs' });
    }
    await Promise.all([ours, nginx, upstream].map((peer) => end(peer.server)));
}
