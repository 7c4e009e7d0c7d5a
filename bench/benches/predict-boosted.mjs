// Boosted trees, a row a request: the same model of XGBoost behind Penstock (models add --xgboost), behind FastAPI with
// XGBoost, and, its trees as an ONNX file, behind Node with ONNX Runtime.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { treesFile } from '../onnx_trees.mjs';
import { startBoosted, trainBoosted } from '../peers/boosted.mjs';
import { startOnnxPeer } from '../peers/onnx.mjs';
import { measureRows, servePenstock, storeWithFile } from '../rows.mjs';

const LABELS = ['<=50K', '>50K'];

export const title = 'a row of 14 numbers, 100 boosted trees of depth 6, every stage on but the cache';

export async function run(context) {
    const { model, rows } = await trainBoosted(context), trees = join(context.work, 'boosted.onnx');
    writeFileSync(trees, treesFile(readFileSync(model, 'utf8')));
    const store = await storeWithFile(context, 'boosted', ['--xgboost', model, ...LABELS.flatMap((label) => ['--label', label])]);
    const ours = await servePenstock(context, 'boosted', store);
    const peers = [{ ...(await startBoosted(context, model)), requests: 3000 }];
    const node = await startOnnxPeer(context, trees, LABELS);
    if (node) peers.push({ ...node, requests: 20000 });
    const sample = readFileSync(rows, 'utf8').slice(0, 40000).split('\n').slice(0, 100);
    await measureRows(context, { ours, peers, name: 'boosted', bodies: rows, sample, tolerance: 2e-4 });
}
