// The server and the client of src/net alone as a proxy of server-sent events: CPU per event against nginx (proxy_pass,
// buffering off), in turns on one core; then many slow streams at once: memory, and how late the latest event was beside
// reading from the simulated provider directly. The provider and the reader share the other core.
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { startNginxProxy } from '../peers/nginx.mjs';
import { cpuDuring, end, freePort, memory, ready, run as runProgram, start } from '../processes.mjs';
import { median, ratios, spread } from '../statistics.mjs';

const STREAMS = 100, EVENTS = 300, PACE_MS = 10;
const MANY = 9000, MANY_EVENTS = 20, MANY_PACE_MS = 1000; // two descriptors each, and 20,000 are usual

export const title = 'server and client alone as a proxy of streams';

async function startPinned(context, program, args, core) {
    const port = await freePort();
    const server = start(join(context.build, 'bench', program), ['--listen', `127.0.0.1:${port}`, '--loops', '1', ...args],
        { core, log: join(context.work, `${program}.out`) });
    await ready(server, `http://127.0.0.1:${port}/`);
    return { server, port };
}

const provider = (context, events, ms) => startPinned(context, 'chat_upstream', ['--events', `${events}`, '--ms', `${ms}`], context.cores.load);
const proxy = (context, upstream) => startPinned(context, 'http_proxy', ['--upstream', `http://127.0.0.1:${upstream.port}`], context.cores.server);

async function readStreams(context, { port }, streams, events) {
    const args = ['--to', `127.0.0.1:${port}`, '--path', '/v1/chat/completions', '--body', '{"stream":true}', '--streams', `${streams}`, '--events', `${events}`, '--time-limit', '120'];
    return JSON.parse(await runProgram(join(context.build, 'bench/http_streams'), args, { core: context.cores.load, seconds: 150 }));
}

async function comparePerEvent(context) {
    const upstream = await provider(context, EVENTS, PACE_MS);
    const peers = { ours: await proxy(context, upstream), nginx: await startNginxProxy(context, upstream.port, { kept: STREAMS, buffering: false }) };
    const us = { ours: [], nginx: [] }, delay = { ours: [], nginx: [] };
    for (let round = 0; round < context.rounds; round++)
        for (const name of ['nginx', 'ours']) {
            const { seconds, result } = await cpuDuring(peers[name].server, () => readStreams(context, peers[name], STREAMS, EVENTS));
            us[name].push((seconds * 1e6) / result.events);
            delay[name].push(result.delay_p50_us);
        }
    const cpu = ratios(us.ours, us.nginx);
    context.add({ figure: `CPU per event, ${STREAMS} streams, an event each ${PACE_MS} ms`, value: median(us.ours), unit: 'µs', against: 'nginx, proxy_pass', ratio: median(cpu), spread: spread(cpu), limit: { of: 'ratio', most: 1 } });
    context.add({ figure: 'CPU per event, nginx', value: median(us.nginx), unit: 'µs' });
    context.add({ figure: 'event under way, p50', value: median(delay.ours), unit: 'µs', against: 'nginx, proxy_pass', ratio: median(ratios(delay.ours, delay.nginx)) });
    await Promise.all([peers.ours, peers.nginx, upstream].map((peer) => end(peer.server)));
}

async function holdMany(context) {
    const upstream = await provider(context, MANY_EVENTS, MANY_PACE_MS);
    const ours = await proxy(context, upstream);
    const direct = await readStreams(context, upstream, MANY, MANY_EVENTS);
    const reading = readStreams(context, ours, MANY, MANY_EVENTS);
    await Promise.race([sleep(MANY_EVENTS * MANY_PACE_MS * 0.6), reading]);
    const { resident } = memory(ours.server.pid);
    const result = await reading;
    context.add({ figure: `memory with ${MANY.toLocaleString('en')} paced streams`, value: resident, unit: 'MB', limit: { of: 'value', most: 150 } });
    context.add({ figure: 'event under way, p99', value: result.delay_p99_us / 1000, unit: 'ms', against: 'read directly', ratio: result.delay_p99_us / direct.delay_p99_us });
    context.add({ figure: 'the latest event', value: result.delay_max_us / 1000, unit: 'ms', against: 'read directly', ratio: result.delay_max_us / direct.delay_max_us });
    await Promise.all([ours, upstream].map((peer) => end(peer.server)));
}

export async function run(context) {
    await comparePerEvent(context);
    await holdMany(context);
}
