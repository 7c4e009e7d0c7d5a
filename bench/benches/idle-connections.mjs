// Ten thousand kept connections, each of which has had one prediction and now says nothing: resident memory.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { startNginx } from '../peers/nginx.mjs';
import { loopsOfAllCores } from '../penstock.mjs';
import { end, memory, tree } from '../processes.mjs';
import { startSupport } from './predict-text.mjs';

const CONNECTIONS = 10000;
const path = '/v1/endpoints/support/predict';

export const title = `${CONNECTIONS.toLocaleString('en')} idle connections`;

function resident(pid) {
    return tree(pid).reduce((sum, each) => sum + memory(each).resident, 0);
}

// Holds the connections open while `look` runs; fails when the server closed any.
async function whileIdle(context, peer, headers, look) {
    const body = JSON.stringify({ text: 'I still have not received my new card, I ordered it a while ago' });
    const program = spawn(join(context.build, 'bench/http_idle'), [`127.0.0.1:${peer.port}`, `${CONNECTIONS}`, path, body, ...headers], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => program.on('exit', resolve));
    process.once('exit', () => program.kill('SIGKILL'));
    const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
    const { value: idle } = await lines.next();
    if (idle !== `idle ${CONNECTIONS}`) throw new Error(`the connections did not come about (exit ${await ended})`);
    const seen = await look();
    program.stdin.end();
    const { value: open } = await lines.next();
    if ((await ended) !== 0) throw new Error(`of ${CONNECTIONS} connections the server had closed some: ${open}`);
    return seen;
}

async function measure(context, peer, headers) {
    const before = resident(peer.server.pid);
    const during = await whileIdle(context, peer, headers, () => resident(peer.server.pid));
    await end(peer.server);
    return { before, during, each: ((during - before) * 1e6) / CONNECTIONS / 1000 };
}

export async function run(context) {
    const json = 'content-type: application/json';
    const penstock = await startSupport(context, 'idle-connections', loopsOfAllCores());
    const ours = await measure(context, penstock, [json, ...penstock.headers]);
    const nginx = await measure(context, await startNginx(context, '{}'), [json]);
    context.add({ figure: 'resident memory of the server with them', value: ours.during, unit: 'MB', against: 'nginx, same connections', ratio: ours.during / nginx.during, limit: { of: 'value', most: 100 } });
    context.add({ figure: 'resident memory before them', value: ours.before, unit: 'MB' });
    context.add({ figure: 'for each connection', value: ours.each, unit: 'KB', against: 'nginx, same connections', ratio: ours.each / nginx.each });
    context.add({ figure: 'resident memory, nginx with them', value: nginx.during, unit: 'MB' });
}
