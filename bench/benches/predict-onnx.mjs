// A small neural network in an ONNX file, a row a request: behind Penstock and behind Node, each with ONNX Runtime of
// the same version.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { twoLayers } from '../onnx_layers.mjs';
import { startOnnxPeer } from '../peers/onnx.mjs';
import { measureRows, servePenstock, storeWithFile } from '../rows.mjs';

const INPUTS = 64, HIDDEN = 32, LABELS = 8, ROWS = 2000, PEER_REQUESTS = 20000;

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
    const labels = Array.from({ length: LABELS }, (_, i) => ['--label', `label${i}`]).flat();
    const peer = await startOnnxPeer(context, model);
    if (!peer) throw new Error('there is nothing to compare with: onnxruntime-node is not there');
    const store = await storeWithFile(context, 'onnx', ['--onnx', model, ...labels]);
    const ours = await servePenstock(context, 'onnx', store);
    await measureRows(context, { ours, peer: { ...peer, requests: PEER_REQUESTS }, name: 'onnx', bodies, sample: rows.slice(0, 50), tolerance: 1e-3 });
}
