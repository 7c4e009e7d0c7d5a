// Portkey's gateway from npm, in one process: passes a chat on to the upstream, and nothing else. Its versions are pinned; two of what it
// is made of are pinned too, since later ones of these break its streams. Nothing of its packages' own scripts is run.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, ready, run, start } from '../processes.mjs';

const VERSION = '1.15.2';
const manifest = {
    name: 'peer', private: true,
    dependencies: { '@portkey-ai/gateway': VERSION },
    overrides: { hono: '4.9.7', '@hono/node-server': '1.13.8' },
};

async function install(folder) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    await run('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { seconds: 300 });
}

// undefined: it cannot be had here.
export async function startPortkey(context, upstreamPort) {
    const folder = join(context.work, `portkey-${VERSION}`), program = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
    try {
        if (!existsSync(program)) await install(folder);
    } catch (problem) {
        context.say(`Portkey's gateway could not be installed: ${problem.message.split('\n').slice(0, 3).join(' ')}`);
        return undefined;
    }
    const port = await freePort();
    const server = start(process.execPath, [program, `--port=${port}`, '--headless'], { core: context.cores.server, log: join(context.work, 'portkey.out'), env: { NODE_ENV: 'production' } });
    await ready(server, `http://127.0.0.1:${port}/`, 60);
    const headers = ['x-portkey-provider: openai', `x-portkey-custom-host: http://127.0.0.1:${upstreamPort}/v1`, 'authorization: Bearer none'];
    return { server, port, headers, name: `Portkey's gateway ${VERSION}, Node ${process.versions.node}` };
}
