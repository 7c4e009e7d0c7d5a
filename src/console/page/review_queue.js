// A reviewer's queue: the item that is shown and is this window's for the time of its lease, the others that wait, and a label
// on its way. A label is held back for a few seconds, so that it can be taken back: what is resolved stays resolved.
import { get, post, query, segment } from './api.js';
import { useCallback, useEffect, useRef, useState } from './html.js';
import { go } from './route.js';
import { toast } from './toasts.js';

const UNDO_MS = 4000, REFRESH_MS = 8000, RENEW_MS = 120_000;
const window_name = Math.random().toString(36).slice(2, 10);

const of = (id, what) => `/v1/review/items/${segment(id)}${what ? `/${what}` : ''}`;
const short = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

// An item that somebody else has is shown, and the reason why it cannot be decided here.
async function claimed(id, tab, take = false) {
  try {
    return { item: await post(of(id, 'claim'), { tab, take }) };
  } catch (error) {
    if (error.status !== 409) throw error;
    return { item: await get(of(id)), taken: error };
  }
}

export function useQueue(endpoint, shownId) {
  const [state, set] = useState({ list: [], open: 0 });
  const change = (part) => set((old) => ({ ...old, ...part }));
  const settled = useRef(new Set()), held = useRef(), timer = useRef(), turn = useRef(0), now = useRef({});
  now.current = { ...state, endpoint, shownId };
  // A name for each item that was held: the one whose label is on its way must not come back as "still yours".
  const tab = () => `${window_name}-${turn.current}`;
  // Who has left meanwhile is not called back.
  const gone = useRef(false);
  const left = () => gone.current || !location.hash.startsWith('#/review');
  const address = (id) => left() || go(['review', ...(id ? [id] : [])], { endpoint: now.current.endpoint }, { replace: true });

  // What was asked for last decides what is shown: an answer that comes late shows nothing, and gives back what it claimed.
  const wish = useRef({});
  const late = (mine, tab, item) => {
    if (mine === wish.current && !left()) return false;
    if (item?.status === 'open' && item.id !== wish.current.id) post(of(item.id, 'release'), { tab }).catch(() => {});
    return true;
  };

  const failing = (work) => async (...given) => {
    try {
      await work(...given);
    } catch (error) {
      if (error.name !== 'AbortError') change({ error, loaded: true });
    }
  };

  const refresh = useCallback(failing(async () => {
    const { data, open } = await get(query('/v1/review', { endpoint: now.current.endpoint, limit: 100 }));
    const list = data.filter(({ id, claim }) => !settled.current.has(id) && (!claim || claim.yours));
    change({ list, open: Math.max(0, open - (held.current ? 1 : 0)) });
    window.dispatchEvent(new Event('queue')); // the count beside the page's name
  }), []);

  const advance = useCallback(failing(async () => {
    turn.current++;
    const mine = tab(), one = (wish.current = {});
    const { item } = await post(query('/v1/review/next', { endpoint: now.current.endpoint }), { tab: mine });
    if (late(one, mine, item)) return;
    change({ item, taken: undefined, error: undefined, loaded: true });
    address(item?.id);
    refresh();
  }), []);

  const show = useCallback(failing(async (id, take) => {
    const mine = tab(), one = (wish.current = { id });
    const { item, taken } = await claimed(id, mine, take);
    if (late(one, mine, taken ? undefined : item)) return;
    wish.current = {};
    change({ item, taken, error: undefined, loaded: true });
    refresh();
  }), []);

  useEffect(() => {
    if (!shownId) advance();
    else if (now.current.item?.id !== shownId && wish.current.id !== shownId) show(shownId);
  }, [shownId, endpoint]);

  const commit = useCallback(async (options = {}) => {
    const one = held.current;
    clearTimeout(timer.current);
    held.current = undefined;
    if (!one) return;
    one.close();
    try {
      await post(of(one.item.id, 'label'), { label: one.label, ...one.more }, options);
      window.dispatchEvent(new Event('labelled')); // the person's own figures
    } catch (error) {
      settled.current.delete(one.item.id);
      toast(`“${short(one.label)}” was not written: ${error.message}`, { ms: 12_000 });
    }
    if (!options.keepalive) refresh();
  }, []);

  const release = (options) => {
    const { item, taken } = now.current;
    if (item?.status === 'open' && !taken && !settled.current.has(item.id)) post(of(item.id, 'release'), { tab: tab() }, options).catch(() => {});
  };

  useEffect(() => {
    const look = setInterval(() => document.hidden || (now.current.loaded && !now.current.item && !now.current.shownId ? advance() : refresh()), REFRESH_MS);
    const renew = setInterval(() => now.current.item?.status === 'open' && !now.current.taken && post(of(now.current.item.id, 'claim'), { tab: tab() }).catch(() => {}), RENEW_MS);
    const leave = () => {
      commit({ keepalive: true });
      release({ keepalive: true });
    };
    window.addEventListener('pagehide', leave);
    return () => {
      clearInterval(look);
      clearInterval(renew);
      window.removeEventListener('pagehide', leave);
      gone.current = true;
      leave();
    };
  }, []);

  // Signed in again, or the server is back: what failed meanwhile is asked for anew.
  useEffect(() => {
    const look = () => (now.current.error ? (now.current.shownId ? show(now.current.shownId) : advance()) : refresh());
    window.addEventListener('again', look);
    return () => window.removeEventListener('again', look);
  }, []);

  const undo = useCallback(() => {
    const one = held.current;
    if (!one) return;
    clearTimeout(timer.current);
    held.current = undefined;
    one.close();
    settled.current.delete(one.item.id);
    release();
    turn.current++;
    address(one.item.id);
    show(one.item.id, true);
  }, []);

  const at = state.list.findIndex(({ id }) => id === state.item?.id);
  return {
    ...state, at, undo, refresh,
    again: () => (shownId ? show(shownId) : advance()),
    take: () => show(state.item.id, true),
    move: (by) => {
      const target = state.list[(at + by + state.list.length) % state.list.length];
      if (!target || target.id === state.item?.id) return;
      release();
      turn.current++;
      address(target.id);
    },
    skip: failing(async (item) => {
      await post(of(item.id, 'skip'), {});
      settled.current.add(item.id);
      advance();
    }),
    label: (item, label, more) => {
      commit();
      settled.current.add(item.id);
      const close = toast(`${item.endpoint}: “${short(label)}”`, { action: 'Undo (u)', run: undo, ms: UNDO_MS });
      held.current = { item, label, more, close };
      timer.current = setTimeout(commit, UNDO_MS);
      advance();
    },
  };
}
