// FastAPI, uvicorn and XGBoost as Debian packages them, on one core; and the model that they and Penstock serve.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, ready, run, start } from '../processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const python = '/usr/bin/python3';
const env = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };

// { model, rows }: files; kept for the same rows and the same way of training.
export async function trainBoosted(context) {
    const data = join(context.data, 'adult_census/dev.csv'), script = join(here, 'boosted_train.py');
    const hash = createHash('sha256').update(readFileSync(data)).update(readFileSync(script)).digest('hex').slice(0, 16);
    const model = join(context.work, `boosted-${hash}.json`), rows = join(context.work, `boosted-${hash}.ndjson`);
    if (!existsSync(model)) {
        context.say('training the boosted model with XGBoost in Python');
        await run(python, [script, data, `${model}.unfinished.json`, rows], { core: context.cores.server, env });
        renameSync(`${model}.unfinished.json`, model);
    }
    return { model, rows };
}

export async function startBoosted(context, model) {
    const port = await freePort();
    const server = start(python, [join(here, 'boosted_serve.py'), model, `${port}`], { core: context.cores.server, log: join(context.work, 'boosted.out'), env });
    await ready(server, `http://127.0.0.1:${port}/readyz`);
    const name = await run(python, ['-c', 'import fastapi, uvicorn, xgboost, platform; print(f"FastAPI {fastapi.__version__}, uvicorn {uvicorn.__version__}, XGBoost {xgboost.__version__}, Python {platform.python_version()}")']);
    return { server, port, name: name.trim(), short: 'FastAPI' };
}
