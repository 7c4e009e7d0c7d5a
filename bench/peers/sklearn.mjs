// FastAPI, uvicorn and scikit-learn as Debian packages them, on one core, serving a model trained on the same rows.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, ready, run, start } from '../processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const python = '/usr/bin/python3';
const env = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };

// The trained model's file; kept for the same rows and the same way of training.
async function trained(context) {
    const rows = join(context.data, 'banking77/train.csv'), script = join(here, 'sklearn_train.py');
    const hash = createHash('sha256').update(readFileSync(rows)).update(readFileSync(script)).digest('hex').slice(0, 16);
    const model = join(context.work, `sklearn-${hash}.joblib`);
    if (!existsSync(model)) {
        context.say('training the scikit-learn peer (some 20 s)');
        await run(python, [script, rows, model], { core: context.cores.server, env });
    }
    return model;
}

export async function sklearnCommand(context, port) {
    return [python, [join(here, 'sklearn_serve.py'), await trained(context), `${port}`]];
}

export async function startSklearn(context) {
    const port = await freePort();
    const server = start(...(await sklearnCommand(context, port)), { core: context.cores.server, log: join(context.work, 'sklearn.out'), env });
    await ready(server, `http://127.0.0.1:${port}/readyz`);
    return { server, port };
}

export async function versions() {
    return (await run(python, ['-c', 'import fastapi, uvicorn, sklearn, platform; print(f"FastAPI {fastapi.__version__}, uvicorn {uvicorn.__version__}, scikit-learn {sklearn.__version__}, Python {platform.python_version()}")'])).trim();
}
