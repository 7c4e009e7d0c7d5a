// FastAPI, uvicorn and ONNX Runtime for Python as Debian 13 packages them, on one core. On Debian 12, which does not have
// the runtime, scripts/packages unpacks Debian 13's packages, its Python and C library included, into .deps/python-onnx.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, ready, run, start } from '../processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));

// { command, before, env }: Python that has the packages.
function python(context) {
    const root = join(context.root, '.deps/python-onnx');
    if (!existsSync(root)) return { command: '/usr/bin/python3', before: [], env: {} };
    const lib = join(root, 'usr/lib', process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu');
    const loader = join(lib, process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2');
    return { command: loader, before: ['--library-path', `${lib}:${lib}/blas:${lib}/lapack`, join(root, 'usr/bin/python3')], env: { PYTHONHOME: join(root, 'usr') } };
}

// undefined: it cannot be had here.
export async function startOnnxPython(context, model, { features, labels }) {
    const { command, before, env: home } = python(context), env = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', ...home };
    const script = [...before, join(here, 'onnx_serve.py')];
    let name;
    try {
        name = (await run(command, [...script, '--versions'], { env })).trim();
    } catch (problem) {
        context.say(`FastAPI with onnxruntime could not be started: ${problem.message.trim().split('\n').at(-1)}`);
        return undefined;
    }
    const port = await freePort();
    const server = start(command, [...script, model, `${port}`, `${features}`, ...labels], { core: context.cores.server, log: join(context.work, 'onnx-python.out'), env });
    await ready(server, `http://127.0.0.1:${port}/readyz`, 60);
    return { server, port, name, short: 'FastAPI' };
}
