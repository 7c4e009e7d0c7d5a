/* Malware scanning by clamd over its socket: a client that never blocks its loop. Each scan has a connection
 * of its own (zINSTREAM, clamd(8)), since clamd serves one file per thread anyway. Whatever is not an exact
 * "stream: OK" for all of the bytes is not clean: an error, garbage, an early close and silence until the
 * deadline are "unavailable", and what follows from that is the caller's policy.
 *
 * A scanner is immutable and may be shared; a scan belongs to its loop's thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <uv.h>

struct scanner;

/* `address`: "unix:/path/of/clamd.ctl", "ADDRESS:PORT" or "[ADDRESS]:PORT", numeric. Connects to nothing yet.
 * NULL and ERR_CONFIG when it is none of these. */
struct scanner *scanner_new(struct str address, struct error *err) MUST_USE;
void scanner_free(struct scanner *scanner); /* NULL is fine; not while a scan is under way */

enum scan_verdict { SCAN_VERDICT_CLEAN, SCAN_VERDICT_FOUND, SCAN_VERDICT_UNAVAILABLE };

/* `detail`: the signature's name when found, the reason when unavailable, "" when clean; printable, and valid
 * during the call only. */
typedef void scan_done(void *ctx, enum scan_verdict verdict, const char *detail);

struct scan;

/* Sends `bytes` (borrowed until `done` or scan_cancel) to clamd. After true, `done` is called exactly once,
 * from the loop and never from within this call, at the latest shortly after `deadline_ns` (monotonic clock),
 * unless the scan is cancelled. *scan is valid until then. False (ERR_NO_MEMORY) only when memory is out:
 * `done` is then not called. */
bool scan_start(const struct scanner *scanner, uv_loop_t *loop, struct str bytes, int64_t deadline_ns,
                scan_done *done, void *ctx, struct scan **scan, struct error *err) MUST_USE;

/* Ends the scan without calling `done`; `bytes` are not touched after this. The loop must run on a little
 * before it is closed, so that the connection's handles are. */
void scan_cancel(struct scan *scan);
