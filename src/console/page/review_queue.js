// The queue of a reviewer: which items there are, which is shown, and labels on their way. A label is held back for a few
// seconds, so that it can be taken back: what is resolved stays resolved.
import { call, get, post, query, segment } from './api.js';
import { useCallback, useEffect, useRef, useState } from './html.js';
import { go } from './route.js';
import { toast } from './toasts.js';

const UNDO_MS = 4000, REFRESH_MS = 8000;

const send = (held, options) => post(`/v1/review/${segment(held.item.id)}`, { label: held.label }, options);

export function useQueue(endpoint, shownId) {
  const [state, set] = useState({ items: [], open: 0, loaded: false, error: undefined });
  const settled = useRef(new Set()), skipped = useRef([]), held = useRef(), timer = useRef();

  const reload = useCallback(async () => {
    try {
      const { data, open } = await get(query('/v1/review', { endpoint, limit: 50 }));
      const left = data.filter(({ id }) => !settled.current.has(id));
      const rank = ({ id }) => skipped.current.indexOf(id);
      left.sort((a, b) => rank(a) - rank(b)); // those not skipped are -1, and stay in their order
      set({ items: left, open: open - (held.current ? 1 : 0), loaded: true, error: undefined });
      window.dispatchEvent(new Event('queue')); // the count beside the page's name
    } catch (error) {
      set((old) => ({ ...old, error, loaded: true }));
    }
  }, [endpoint]);

  const commit = useCallback(async (options) => {
    const one = held.current;
    clearTimeout(timer.current);
    held.current = undefined;
    if (!one) return;
    one.close?.();
    try {
      await send(one, options);
    } catch (error) {
      settled.current.delete(one.item.id);
      toast(`“${one.label}” was not written: ${error.message}`, { ms: 12_000 });
    }
    if (!options?.keepalive) reload();
  }, [reload]);

  useEffect(() => {
    reload();
    const refresh = setInterval(() => document.hidden || reload(), REFRESH_MS);
    const leave = () => commit({ keepalive: true });
    window.addEventListener('pagehide', leave);
    return () => {
      clearInterval(refresh);
      window.removeEventListener('pagehide', leave);
    };
  }, [reload]);
  useEffect(() => () => commit({ keepalive: true }), []);

  const { items } = state;
  const at = Math.max(0, items.findIndex(({ id }) => id === shownId));
  const show = (item) => go(['review', ...(item ? [item.id] : [])], { endpoint }, { replace: true });
  const without = (id) => {
    const rest = items.filter((item) => item.id !== id);
    show(rest[Math.min(at, rest.length - 1)]);
    return rest;
  };

  const undo = useCallback(() => {
    const one = held.current;
    if (!one) return;
    clearTimeout(timer.current);
    held.current = undefined;
    one.close();
    settled.current.delete(one.item.id);
    set((old) => ({ ...old, items: old.items.toSpliced(one.at, 0, one.item), open: old.open + 1 })); // where it was
    go(['review', one.item.id], { endpoint }, { replace: true });
  }, [endpoint]);

  return {
    ...state, at, reload, undo,
    move: (by) => items.length && show(items[(at + by + items.length) % items.length]),
    skip: (item) => {
      skipped.current = [...skipped.current.filter((id) => id !== item.id), item.id];
      const rest = without(item.id);
      set((old) => ({ ...old, items: [...rest, item] }));
    },
    label: (item, label) => {
      commit();
      settled.current.add(item.id);
      const close = toast(`${item.endpoint}: “${label.length > 40 ? `${label.slice(0, 40)}…` : label}”`, { action: 'Undo (u)', run: undo, ms: UNDO_MS });
      held.current = { item, label, close, at };
      timer.current = setTimeout(commit, UNDO_MS);
      const rest = without(item.id);
      set((old) => ({ ...old, items: rest, open: Math.max(0, old.open - 1) }));
    },
  };
}
