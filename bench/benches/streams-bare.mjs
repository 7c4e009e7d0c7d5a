// The server and the client of src/net alone as a proxy of server-sent events: CPU per event against nginx; many slow streams at
// once. The provider and the reader share the other core.
import { comparePerEvent, holdMany, readStreams, startPinned } from '../streaming.mjs';

export const title = 'server and client alone as a proxy of streams';

const way = {
    start: (context, upstream) => startPinned(context, 'http_proxy', ['--upstream', `http://127.0.0.1:${upstream.port}`], context.cores.server),
    read: (context, peer, streams, events) => readStreams(context, peer, '{"stream":true}', streams, events),
};

export async function run(context) {
    await comparePerEvent(context, way);
    await holdMany(context, way);
}
