// What one writes to put an ONNX model behind HTTP in Node: node:http, JSON, one session on one thread. No key, no
// limit, no record, no log. onnx_serve.mjs PACKAGES MODEL PORT LABEL…
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [packages, model, port, ...labels] = process.argv.slice(2);
const ort = createRequire(`${packages}/`)('onnxruntime-node');
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });

async function predict(body) {
    const { features } = JSON.parse(body);
    const values = Float32Array.from(Object.values(features), (value) => value ?? NaN);
    const { probabilities } = await session.run({ rows: new ort.Tensor('float32', values, [1, values.length]) });
    let best = 0;
    for (let i = 1; i < probabilities.data.length; i++) if (probabilities.data[i] > probabilities.data[best]) best = i;
    return JSON.stringify({ prediction: labels[best], confidence: probabilities.data[best] });
}

function answer(response, status, text) {
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
        if (request.method === 'GET') return answer(response, 200, '{"status":"ready"}');
        predict(Buffer.concat(chunks)).then((text) => answer(response, 200, text), (problem) => answer(response, 400, JSON.stringify({ error: `${problem}` })));
    });
}).listen(Number(port), '127.0.0.1');
