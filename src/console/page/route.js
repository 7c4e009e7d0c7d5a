// Where the page is: "#/requests/ab12?status=500" is { path: ['requests', 'ab12'], query: { status: '500' } }. Every view has
// an address of its own that can be sent to somebody.
import { useEffect, useState } from './html.js';

function read() {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const decoded = path.split('/').filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { path: decoded, query: Object.fromEntries(new URLSearchParams(search)) };
}

export function to(path, query = {}) {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== '' && value !== null);
  return `#/${path.map(encodeURIComponent).join('/')}${set.length ? `?${new URLSearchParams(set)}` : ''}`;
}

export function go(path, query, { replace = false } = {}) {
  const address = to(path, query);
  if (replace) {
    history.replaceState(null, '', address);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  } else location.hash = address;
}

export function useRoute() {
  const [route, set] = useState(read);
  useEffect(() => {
    const changed = () => set(read());
    window.addEventListener('hashchange', changed);
    return () => window.removeEventListener('hashchange', changed);
  }, []);
  return route;
}
