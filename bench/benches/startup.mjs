// From exec to the first 200 of /readyz with the trained banking77 model, and the memory of a server that has done
// nothing yet and of one that has answered a thousand requests. Files are accepted too, so that parser processes
// are there; their memory is said apart.
import { join } from 'node:path';
import { load } from '../load.mjs';
import { nginxCommand } from '../peers/nginx.mjs';
import { sklearnCommand } from '../peers/sklearn.mjs';
import { loopsOfAllCores, prepare, serve, supportEndpoint, trainText } from '../penstock.mjs';
import { end, freePort, memory, nameOf, run as runProgram, tree } from '../processes.mjs';
import { median, spread } from '../statistics.mjs';
import { writeBodies } from '../texts.mjs';
import { setTimeout as sleep } from 'node:timers/promises';

const STARTS = 15, PEER_STARTS = 3;

export const title = 'exec to ready, and idle memory';

async function starts(context, count, port, path, [program, args]) {
    const taken = [];
    for (let i = 0; i < count; i++)
        taken.push(Number(await runProgram(join(context.build, 'bench/until_ready'), [`127.0.0.1:${port}`, path, '60000', '--', program, ...args])));
    return taken;
}

// Of the server's own process, and of all its children together.
function memoryOf(pid) {
    const [, ...children] = tree(pid);
    return { server: memory(pid).resident, children: children.map((child) => ({ name: nameOf(child), ...memory(child) })) };
}

async function measureMemory(context, prepared) {
    const texts = writeBodies(context, 1000);
    const penstock = await serve(prepared);
    await sleep(2000);
    const idle = memoryOf(penstock.server.pid);
    await load(context, { port: penstock.port, path: '/v1/endpoints/support/predict', headers: ['content-type: application/json', ...penstock.headers], bodies: texts.path, requests: 1000, expect: ['"cached":false'] });
    await sleep(500);
    const used = memoryOf(penstock.server.pid);
    await end(penstock.server);
    return { idle, used };
}

export async function run(context) {
    const endpoints = supportEndpoint.replace('accepts: text', 'accepts: [text, file]');
    const prepared = await prepare(context, { name: 'startup', store: await trainText(context), loops: loopsOfAllCores(), endpoints });
    const nginxPort = await freePort(), peerPort = await freePort();
    const ours = await starts(context, STARTS, prepared.port, '/readyz', prepared.command);
    const nginx = await starts(context, STARTS, nginxPort, '/', nginxCommand(context, nginxPort, '{}'));
    const peer = await starts(context, PEER_STARTS, peerPort, '/readyz', await sklearnCommand(context, peerPort));
    const { idle, used } = await measureMemory(context, prepared);
    const ratio = (other) => median(ours) / median(other);
    context.add({ figure: `exec to /readyz 200, median of ${STARTS}`, value: median(ours), unit: 'ms', against: 'FastAPI + scikit-learn, same data', ratio: ratio(peer), limit: { of: 'value', most: 100 } });
    context.add({ figure: 'exec to /readyz 200, slowest', value: spread(ours)[1], unit: 'ms', limit: { of: 'value', most: 100 } });
    context.add({ figure: 'exec to first 200, nginx', value: median(nginx), unit: 'ms' });
    context.add({ figure: 'exec to first 200, FastAPI + scikit-learn', value: median(peer), unit: 'ms' });
    context.add({ figure: 'resident memory of the server process, idle', value: idle.server, unit: 'MB', limit: { of: 'value', most: 30 } });
    context.add({ figure: 'the same after 1,000 requests', value: used.server, unit: 'MB' });
    for (const name of new Set(idle.children.map((child) => child.name))) {
        const same = idle.children.filter((child) => child.name === name);
        context.add({ figure: `each of ${same.length} ${name} processes, idle, resident`, value: median(same.map((child) => child.resident)), unit: 'MB' });
        context.add({ figure: `each of ${same.length} ${name} processes, idle, not shared`, value: median(same.map((child) => child.own)), unit: 'MB' });
    }
}
