// Boosted trees, a row a request: the same model of XGBoost behind Penstock (models add --xgboost) and behind FastAPI.
import { readFileSync } from 'node:fs';
import { startBoosted, trainBoosted } from '../peers/boosted.mjs';
import { measureRows, servePenstock, storeWithFile } from '../rows.mjs';

const PEER_REQUESTS = 3000;

export const title = 'a row of 14 numbers, 100 boosted trees of depth 6, every stage on but the cache';

export async function run(context) {
    const { model, rows } = await trainBoosted(context);
    const store = await storeWithFile(context, 'boosted', ['--xgboost', model, '--label', '<=50K', '--label', '>50K']);
    const ours = await servePenstock(context, 'boosted', store);
    const peer = { ...(await startBoosted(context, model)), requests: PEER_REQUESTS };
    const sample = readFileSync(rows, 'utf8').slice(0, 40000).split('\n').slice(0, 100);
    await measureRows(context, { ours, peer, name: 'boosted', bodies: rows, sample, tolerance: 2e-4 });
}
