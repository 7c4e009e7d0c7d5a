// The same as chat-proxy, with an upstream behind TLS: both check its certificate, keep their connections and take up sessions again.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { completion, startGateway, writeQuestions } from '../gateway.mjs';
import { startNginx, startNginxProxy } from '../peers/nginx.mjs';
import { end } from '../processes.mjs';
import { compareProxies } from '../proxying.mjs';

export const title = 'a chat of 1 KB to an upstream behind TLS, every stage on';

function makeCertificate(context) {
    const folder = join(context.work, 'tls'), key = join(folder, 'key.pem'), certificate = join(folder, 'certificate.pem');
    mkdirSync(folder, { recursive: true });
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
    return { key, certificate };
}

export async function run(context) {
    const bodies = writeQuestions(context), tls = makeCertificate(context);
    const upstream = await startNginx(context, completion, { name: 'nginx-upstream', core: context.cores.load, tls });
    const ours = await startGateway(context, `https://localhost:${upstream.port}/v1`, { more: `, ca: "${tls.certificate}"` });
    const nginx = await startNginxProxy(context, upstream.port, { kept: 1024, tls });
    await compareProxies(context, { ours, nginx, bodies, most: 1.2 });
    await Promise.all([ours, nginx, upstream].map((peer) => end(peer.server)));
}
