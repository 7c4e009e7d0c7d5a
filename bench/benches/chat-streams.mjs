// Streams through the gateway, every stage on: CPU per event against nginx; many slow streams at once; readers that do not read: what
// is held for each. The provider and the reader share the other core.
import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway } from '../gateway.mjs';
import { end, memory } from '../processes.mjs';
import { comparePerEvent, holdMany, readStreams, startProvider } from '../streaming.mjs';

const UNREAD = 64, UNREAD_EVENTS = 100000, UNREAD_SECONDS = 5;

export const title = 'streams through the gateway, every stage on';

let asked = 0;

// Each run asks something new, so that nothing comes from the cache; within a run all streams ask the same at once.
const question = () => JSON.stringify({ model: 'assistant', temperature: 1, stream: true, messages: [{ role: 'user', content: `${asked++}?` }] });

const way = {
    start: (context, upstream) => startGateway(context, `http://127.0.0.1:${upstream.port}/v1`, { more: ', timeout: 10m, idle_timeout: 1m' }),
    read: (context, peer, streams, events) => readStreams(context, peer, question(), streams, events),
};

const hold = (context, ours, seconds) => readStreams(context, ours, question(), UNREAD, UNREAD_EVENTS, ['--unread'], seconds);

async function holdUnread(context) {
    const upstream = await startProvider(context, UNREAD_EVENTS, 0);
    const ours = await way.start(context, upstream);
    await hold(context, ours, 1); // so that what is made once is there
    const before = memory(ours.server.pid).resident;
    const holding = hold(context, ours, UNREAD_SECONDS);
    await sleep((UNREAD_SECONDS - 1) * 1000);
    const held = ((memory(ours.server.pid).resident - before) * 1000) / UNREAD;
    await holding;
    context.add({ figure: `held for each of ${UNREAD} readers that do not read`, value: held, unit: 'KB', limit: { of: 'value', most: 64 } });
    await Promise.all([ours, upstream].map((peer) => end(peer.server)));
}

export async function run(context) {
    await comparePerEvent(context, way);
    await holdMany(context, way);
    await holdUnread(context);
}
