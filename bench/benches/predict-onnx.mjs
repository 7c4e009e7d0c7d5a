// A small neural network in an ONNX file, a row a request: behind Penstock, behind Node with ONNX Runtime of the same
// version, and behind FastAPI with Debian 13's.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { twoLayers } from '../onnx_layers.mjs';
import { startOnnxPeer } from '../peers/onnx.mjs';
import { startOnnxPython } from '../peers/onnx_python.mjs';
import { measureRows, servePenstock, storeWithFile } from '../rows.mjs';

const INPUTS = 64, HIDDEN = 32, LABELS = 8, ROWS = 2000;

export const title = `a row of ${INPUTS} numbers, a network of ${INPUTS}-${HIDDEN}-${LABELS} in ONNX, every stage on but the cache`;

function writeRows(path) {
    let state = 11;
    const roll = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * 8 - 4;
    const rows = Array.from({ length: ROWS }, () => JSON.stringify({ features: Object.fromEntries(Array.from({ length: INPUTS }, (_, i) => [`f${i}`, Number(roll().toFixed(4))])) }));
    writeFileSync(path, rows.join('\n') + '\n');
    return rows;
}

export async function run(context) {
    const model = join(context.work, 'layers.onnx'), bodies = join(context.work, 'layers.ndjson');
    writeFileSync(model, twoLayers(INPUTS, HIDDEN, LABELS));
    const rows = writeRows(bodies);
    const labels = Array.from({ length: LABELS }, (_, i) => `label${i}`);
    const node = await startOnnxPeer(context, model, labels), python = await startOnnxPython(context, model, { features: INPUTS, labels });
    const peers = [node && { ...node, requests: 20000 }, python && { ...python, requests: 3000 }].filter(Boolean);
    if (!peers.length) throw new Error('there is nothing to compare with: neither onnxruntime-node nor Python with onnxruntime is there');
    const store = await storeWithFile(context, 'onnx', ['--onnx', model, ...labels.flatMap((label) => ['--label', label])]);
    const ours = await servePenstock(context, 'onnx', store);
    await measureRows(context, { ours, peers, name: 'onnx', bodies, sample: rows.slice(0, 50), tolerance: 1e-3 });
}
