// The parts from elsewhere, by the names that the pages use.
import { h, render, createContext } from './preact.js';
import htm from './htm.js';

export { render, createContext };
export { useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback, useContext, useId } from './hooks.js';
export const html = htm.bind(h);
