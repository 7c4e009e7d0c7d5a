// A classifier of two layers as an ONNX file: Gemm, Relu, Gemm, Softmax. Its weights are pseudo-random: what it costs
// is measured.
import { file, node, tensor } from './onnx_writer.mjs';

export function twoLayers(inputs, hidden, labels) {
    let state = 7;
    const roll = (n) => Array.from({ length: n }, () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5) / 2);
    return file('layers', [
        node('Gemm', ['rows', 'w1', 'b1'], 'sums'), node('Relu', ['sums'], 'units'),
        node('Gemm', ['units', 'w2', 'b2'], 'scores'), node('Softmax', ['scores'], 'probabilities'),
        tensor('w1', [inputs, hidden], roll(inputs * hidden)), tensor('b1', [hidden], roll(hidden)),
        tensor('w2', [hidden, labels], roll(hidden * labels)), tensor('b2', [labels], roll(labels)),
    ], inputs, labels);
}
