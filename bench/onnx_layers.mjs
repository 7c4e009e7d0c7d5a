// A classifier of two layers as an ONNX file, written byte by byte as onnx.proto says: "rows" float [N, inputs], Gemm,
// Relu, Gemm, Softmax, "probabilities" float [N, labels]. Its weights are pseudo-random: what it costs is measured.
const varint = (value) => {
    const bytes = [];
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    return Buffer.from([...bytes, value]);
};
const field = (number, bytes) => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
const text = (number, value) => field(number, Buffer.from(value));
const whole = (number, value) => Buffer.concat([varint(number * 8), varint(value)]);

const FLOAT = 1, FREE = 'N';

function tensor(name, shape, values) {
    return field(5, Buffer.concat([...shape.map((n) => whole(1, n)), whole(2, FLOAT), text(8, name), field(9, Buffer.from(Float32Array.from(values).buffer))]));
}

function port(number, name, width) {
    const dimension = (bytes) => field(1, bytes);
    const shape = Buffer.concat([dimension(text(2, FREE)), dimension(whole(1, width))]);
    const type = field(1, Buffer.concat([whole(1, FLOAT), field(2, shape)]));
    return field(number, Buffer.concat([text(1, name), field(2, type)]));
}

const node = (type, inputs, output) => field(1, Buffer.concat([...inputs.map((name) => text(1, name)), text(2, output), text(4, type)]));

export function twoLayers(inputs, hidden, labels) {
    let state = 7;
    const roll = (n) => Array.from({ length: n }, () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5) / 2);
    const graph = Buffer.concat([
        node('Gemm', ['rows', 'w1', 'b1'], 'sums'), node('Relu', ['sums'], 'units'),
        node('Gemm', ['units', 'w2', 'b2'], 'scores'), node('Softmax', ['scores'], 'probabilities'),
        text(2, 'layers'),
        tensor('w1', [inputs, hidden], roll(inputs * hidden)), tensor('b1', [hidden], roll(hidden)),
        tensor('w2', [hidden, labels], roll(hidden * labels)), tensor('b2', [labels], roll(labels)),
        port(11, 'rows', inputs), port(12, 'probabilities', labels),
    ]);
    return Buffer.concat([whole(1, 8), field(7, graph), field(8, Buffer.concat([text(1, ''), whole(2, 13)]))]);
}
