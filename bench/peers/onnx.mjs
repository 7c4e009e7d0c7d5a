// Node with onnxruntime-node from npm, pinned to the version that Penstock loads; of its packages' own scripts none is
// run. The package holds the library for this machine already.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, ready, run, start } from '../processes.mjs';

const VERSION = '1.27.0';
const here = dirname(fileURLToPath(import.meta.url));

async function install(folder) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'peer', private: true, dependencies: { 'onnxruntime-node': VERSION } }));
    await run('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { seconds: 600 });
}

// undefined: it cannot be had here.
export async function startOnnxPeer(context, model, labels) {
    const folder = join(context.work, `onnxruntime-node-${VERSION}`);
    try {
        if (!existsSync(join(folder, 'node_modules/onnxruntime-node/dist'))) await install(folder);
    } catch (problem) {
        context.say(`onnxruntime-node could not be installed: ${problem.message.split('\n').slice(0, 3).join(' ')}`);
        return undefined;
    }
    const port = await freePort();
    const server = start(process.execPath, [join(here, 'onnx_serve.mjs'), folder, model, `${port}`, ...labels], { core: context.cores.server, log: join(context.work, 'onnx.out'), env: { NODE_ENV: 'production' } });
    await ready(server, `http://127.0.0.1:${port}/readyz`, 60);
    return { server, port, short: 'Node', name: `Node ${process.versions.node}, onnxruntime-node ${VERSION}` };
}
