// nginx in the two roles that figures are compared with: answering every request with one constant reply (the floor),
// and passing requests on (proxy_pass). One worker, keep-alive without end on both sides, no access log.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, opened, ready, start } from '../processes.mjs';

const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join(' ');

function configuration(http) {
    return `daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
events { worker_connections 16384; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; default_type application/json; ${paths}
    ${http}
}
`;
}

const listening = (port, tls) => `listen 127.0.0.1:${port} backlog=4096${tls ? ' ssl' : ''}`;

const certified = (tls) => (tls ? `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};` : '');

const constant = (port, reply, tls) =>
    `server { ${listening(port, tls)}; ${certified(tls)} location / { return 200 '${reply.replaceAll("'", '')}'; } }`;

function writeConfiguration(folder, http) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'nginx.conf'), configuration(http));
    return ['nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log']];
}

export function nginxCommand(context, port, reply) {
    return writeConfiguration(join(context.work, 'nginx'), constant(port, reply));
}

async function startOne(context, name, core, port, http, { path = '/', wait = ready } = {}) {
    const server = start(...writeConfiguration(join(context.work, name), http), { core, log: join(context.work, `${name}.out`) });
    await wait(server, `http://127.0.0.1:${port}${path}`);
    return { server, port };
}

// `tls`: {key, certificate}, files.
export async function startNginx(context, reply, { name = 'nginx', core = context.cores.server, tls } = {}) {
    const port = await freePort();
    const wait = tls ? (server) => opened(server, port) : ready;
    return startOne(context, name, core, port, constant(port, reply, tls), { wait });
}

// As an upstream's operator would write it: HTTP/1.1 and as many kept connections as there are clients. `buffering`
// off passes each piece of a reply on as it comes, as one does with streams. `path`: what the upstream answers with 200.
export async function startNginxProxy(context, upstreamPort, { kept, buffering = true, path, tls }) {
    const port = await freePort();
    const checked = tls ? `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${tls.certificate}; proxy_ssl_name localhost; proxy_ssl_server_name on;` : '';
    return startOne(context, 'nginx-proxy', context.cores.server, port, `
    upstream models { server 127.0.0.1:${upstreamPort}; keepalive ${kept}; keepalive_requests 1000000000; keepalive_timeout 1h; }
    server { ${listening(port)}; location / { proxy_pass ${tls ? 'https' : 'http'}://models; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_buffering ${buffering ? 'on' : 'off'}; ${checked} } }`, { path });
}
