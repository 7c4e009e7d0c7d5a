// An ONNX file byte by byte, as onnx.proto says: what a graph of "rows" float [N, inputs] to "probabilities"
// float [N, labels] takes.
const varint = (value) => {
    const bytes = [];
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    return Buffer.from([...bytes, value]);
};
const field = (number, bytes) => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
const text = (number, value) => field(number, Buffer.from(value));
const whole = (number, value) => Buffer.concat([varint(number * 8), varint(value)]);

const FLOAT = 1, FREE = 'N', TREES = 'ai.onnx.ml';

const floats = (values) => Buffer.from(Float32Array.from(values).buffer);

export function tensor(name, shape, values) {
    return field(5, Buffer.concat([...shape.map((n) => whole(1, n)), whole(2, FLOAT), text(8, name), field(9, floats(values))]));
}

function port(number, name, width) {
    const dimension = (bytes) => field(1, bytes);
    const shape = Buffer.concat([dimension(text(2, FREE)), dimension(whole(1, width))]);
    const type = field(1, Buffer.concat([whole(1, FLOAT), field(2, shape)]));
    return field(number, Buffer.concat([text(1, name), field(2, type)]));
}

// Attributes as AttributeProto has them: a number is an integer, a list of what `of` says.
const attributes = {
    integer: (value) => [whole(3, value), 2],
    floats: (values) => [field(7, floats(values)), 6],
    integers: (values) => [field(8, Buffer.concat(values.map(varint))), 7],
    texts: (values) => [Buffer.concat(values.map((value) => text(9, value))), 8],
};

export function attribute(name, of, value) {
    const [bytes, type] = attributes[of](value);
    return field(5, Buffer.concat([text(1, name), bytes, whole(20, type)]));
}

export const node = (type, inputs, output, { domain = '', with: given = [] } = {}) =>
    field(1, Buffer.concat([...inputs.map((name) => text(1, name)), text(2, output), text(4, type), ...given, ...(domain ? [text(7, domain)] : [])]));

// `parts`: nodes in their order and tensors.
export function file(name, parts, inputs, labels) {
    const graph = Buffer.concat([...parts, text(2, name), port(11, 'rows', inputs), port(12, 'probabilities', labels)]);
    const opset = (domain, version) => field(8, Buffer.concat([text(1, domain), whole(2, version)]));
    return Buffer.concat([whole(1, 8), field(7, graph), opset('', 13), opset(TREES, 3)]);
}
