// What a page shows comes from here: one call, again when its address changes, and every few seconds where asked. What was
// there stays until the next answer is, so that nothing jumps; a failure beside it says that it is old.
import { get, session } from './api.js';
import { useCallback, useEffect, useRef, useState } from './html.js';

export function useLoad(path, { every = 0 } = {}) {
  const [state, set] = useState({ path, data: undefined, error: undefined });
  const [turn, again] = useState(0);
  const shown = useRef(path);
  useEffect(() => {
    if (!path) return undefined;
    const stop = new AbortController();
    let timer;
    const load = async () => {
      if (!session.over && (!document.hidden || shown.current !== path || turn)) {
        try {
          const data = await get(path, { signal: stop.signal });
          set({ path, data, error: undefined });
        } catch (error) {
          if (stop.signal.aborted) return;
          set((old) => ({ path, data: old.path === path ? old.data : undefined, error }));
        }
      }
      if (every && !stop.signal.aborted) timer = setTimeout(load, every);
    };
    shown.current = path;
    load();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, every, turn]);
  const reload = useCallback(() => again((n) => n + 1), []);
  useEffect(() => {
    window.addEventListener('again', reload);
    return () => window.removeEventListener('again', reload);
  }, []);
  const own = state.path === path ? state : { data: undefined, error: undefined };
  return { data: own.data, error: own.error, loading: Boolean(path) && !own.data && !own.error, reload };
}
