// Calls to Penstock's API. Every failure is an ApiError whose message says what happened and what to do.
export class ApiError extends Error {
  constructor(status, error, retryAfter) {
    super(error.message);
    Object.assign(this, { status, code: error.code, param: error.param, requestId: error.request_id, retryAfter });
  }
}

// The session's token for calls that change something, the upstreams that are simulators, whether it ended meanwhile, and who is
// told then.
export const session = { csrf: '', simulators: [], over: false, ended: () => {} };

// Whether the server answers. Who shows it listens to the event "reach"; at "again" what is shown is loaded anew.
export let away = false;
export const again = () => window.dispatchEvent(new Event('again'));
function reached(there) {
  if (away !== there) return;
  away = !there;
  window.dispatchEvent(new Event('reach'));
  if (there) again();
}

async function errorOf(reply) {
  const text = await reply.text();
  let error;
  try {
    const body = JSON.parse(text);
    error = typeof body.error === 'string' ? { message: body.error } : body.error;
  } catch {
    // Not ours: a proxy in between.
  }
  error ??= { message: `The server answered ${reply.status} ${reply.statusText} without saying why; a proxy between may have. Try again.` };
  return new ApiError(reply.status, error, Number(reply.headers.get('retry-after')) || 0);
}

// The reply, once its head is there. `body`: an object is sent as JSON, anything else as it is.
export async function call(method, path, { body, headers = {}, signal, keepalive } = {}) {
  const plain = body !== undefined && Object.getPrototypeOf(body) === Object.prototype;
  const sent = {
    ...(plain ? { 'content-type': 'application/json' } : {}),
    ...(method !== 'GET' && session.csrf ? { 'x-csrf-token': session.csrf } : {}),
    ...headers,
  };
  let reply;
  try {
    reply = await fetch(path, { method, headers: sent, body: plain ? JSON.stringify(body) : body, signal, keepalive, cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    reached(false);
    throw new ApiError(0, { code: 'unreachable', message: `Penstock at ${location.host} does not answer. Is it running, and is the network up? The page tries again by itself where it can.` });
  }
  reached(true);
  if (reply.ok) return reply;
  const error = await errorOf(reply);
  if (reply.status === 401 && path !== '/console/session') {
    session.over = true;
    session.ended();
  }
  throw error;
}

const json = async (method, path, options) => (await call(method, path, options)).json();

export const get = (path, options) => json('GET', path, options);
export const post = (path, body, options) => json('POST', path, { body, ...options });
export const remove = (path, options) => json('DELETE', path, options);

// "/v1/x?a=1" of what is set.
export function query(path, values) {
  const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== '' && value !== null);
  return set.length ? `${path}?${new URLSearchParams(set)}` : path;
}

export const segment = encodeURIComponent;
