/* Calls from a page in a browser, which brings its cookies along wherever the page came from: which session a
 * call shows, and whether it comes from our own page. Pure functions over the request's head. Any thread. */
#pragma once

#include "net/server.h"

#define SESSION_COOKIE "penstock_session"

/* What the cookie of that name holds; empty where there is none. */
struct str page_session(const struct exchange *x);

/* May a call with this session change something? It needs the session's token in x-csrf-token, and a
 * browser's word that the page that sent it is ours: Sec-Fetch-Site, or else an Origin with our Host. Calls
 * that only read always may. ERR_CSRF, ERR_ORIGIN */
bool page_may_change(const struct exchange *x, struct str session, struct error *err) MUST_USE;

/* Without authentication whoever reaches the loopback may administer, and every page that the machine's
 * browser shows reaches it. So a call from a page of elsewhere is refused, and so is one whose Host is a name
 * other than localhost: names can be made to point here. ERR_ORIGIN */
bool page_is_local(const struct exchange *x, struct error *err) MUST_USE;
