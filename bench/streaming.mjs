// Streams of server-sent events from the simulated provider through what is measured, which shares a core with nothing. A way
// in is { start(context, upstream), read(context, peer, streams, events) }.
import { setTimeout as sleep } from 'node:timers/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { startNginxProxy } from './peers/nginx.mjs';
import { cpuDuring, end, freePort, memory, ready, run as runProgram, start } from './processes.mjs';
import { median, ratios, spread } from './statistics.mjs';

const STREAMS = 100, EVENTS = 300, PACE_MS = 10;
// A stream has two descriptors, one for each side; others need some too.
const descriptors = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' })) || Infinity;
const MANY = Math.min(10000, Math.floor((descriptors - 200) / 2)), MANY_EVENTS = 20, MANY_PACE_MS = 1000, LATE_MS = 50;

export async function startPinned(context, program, args, core) {
    const port = await freePort();
    const server = start(join(context.build, 'bench', program), ['--listen', `127.0.0.1:${port}`, '--loops', '1', ...args], { core, log: join(context.work, `${program}.out`) });
    await ready(server, `http://127.0.0.1:${port}/`);
    return { server, port };
}

export const startProvider = (context, events, ms) => startPinned(context, 'chat_upstream', ['--events', `${events}`, '--ms', `${ms}`], context.cores.load);

export async function readStreams(context, { port, headers = [] }, body, streams, events, more = [], seconds = 120) {
    const args = ['--to', `127.0.0.1:${port}`, '--path', '/v1/chat/completions', ...headers.flatMap((line) => ['--header', line]), '--header', 'content-type: application/json',
        '--body', body, '--streams', `${streams}`, '--events', `${events}`, '--time-limit', `${seconds}`, ...more];
    return JSON.parse(await runProgram(join(context.build, 'bench/http_streams'), args, { core: context.cores.load, seconds: seconds + 30 }));
}

// CPU per event against nginx (proxy_pass, buffering off), in turns on one core.
export async function comparePerEvent(context, way) {
    const upstream = await startProvider(context, EVENTS, PACE_MS);
    const peers = { ours: await way.start(context, upstream), nginx: await startNginxProxy(context, upstream.port, { kept: STREAMS, buffering: false }) };
    const us = { ours: [], nginx: [] }, delay = { ours: [], nginx: [] };
    for (let round = 0; round < context.rounds; round++)
        for (const name of ['nginx', 'ours']) {
            const { seconds, result } = await cpuDuring(peers[name].server, () => way.read(context, peers[name], STREAMS, EVENTS));
            us[name].push((seconds * 1e6) / result.events);
            delay[name].push(result.delay_p50_us);
        }
    const cpu = ratios(us.ours, us.nginx);
    context.add({ figure: `CPU per event, ${STREAMS} streams, an event each ${PACE_MS} ms`, value: median(us.ours), unit: 'µs', against: 'nginx, proxy_pass', ratio: median(cpu), spread: spread(cpu), limit: { of: 'ratio', most: 1 } });
    context.add({ figure: 'CPU per event, nginx', value: median(us.nginx), unit: 'µs' });
    context.add({ figure: 'event under way, p50', value: median(delay.ours), unit: 'µs', against: 'nginx, proxy_pass', ratio: median(ratios(delay.ours, delay.nginx)) });
    await Promise.all([peers.ours, peers.nginx, upstream].map((peer) => end(peer.server)));
}

// Many slow streams at once: memory, and how late events are beside reading from the provider directly.
export async function holdMany(context, way) {
    const upstream = await startProvider(context, MANY_EVENTS, MANY_PACE_MS);
    const ours = await way.start(context, upstream);
    const direct = await way.read(context, upstream, MANY, MANY_EVENTS);
    const reading = way.read(context, ours, MANY, MANY_EVENTS);
    await Promise.race([sleep(MANY_EVENTS * MANY_PACE_MS * 0.6), reading]);
    const { resident } = memory(ours.server.pid);
    const result = await reading;
    context.add({ figure: `memory with ${MANY.toLocaleString('en')} paced streams`, value: resident, unit: 'MB', limit: { of: 'value', most: (150 * MANY) / 10000 } });
    context.add({ figure: 'event under way, p99', value: result.delay_p99_us / 1000, unit: 'ms', against: 'read directly', ratio: result.delay_p99_us / direct.delay_p99_us });
    context.add({ figure: 'the latest event', value: result.delay_max_us / 1000, unit: 'ms', against: 'read directly', ratio: result.delay_max_us / direct.delay_max_us });
    context.add({ figure: 'later than directly, the latest event', value: (result.delay_max_us - direct.delay_max_us) / 1000, unit: 'ms', limit: { of: 'value', most: LATE_MS } });
    await Promise.all([ours, upstream].map((peer) => end(peer.server)));
}
