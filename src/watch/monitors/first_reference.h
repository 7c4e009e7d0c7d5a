/* A reference for a version that brought none (rules, ONNX, models of upstreams): how its first requests lay
 * after it alone served the endpoint. Gathered by the recorder, fixed once there are enough, kept in the
 * store and never made again. It says what was usual then, not that it was right. One thread at a time. */
#pragma once

#include "base/buf.h"
#include "watch/event.h"
#include "watch/monitors/window.h"

struct first_reference;

/* Of the version, from now (wall ns) on, over `wanted` requests. NULL when memory is out. */
struct first_reference *first_reference_new(const char *version, uint64_t wanted, int64_t now) MUST_USE;
void first_reference_free(struct first_reference *f); /* NULL is fine */
const char *first_reference_version(const struct first_reference *f);
uint64_t first_reference_count(const struct first_reference *f); /* any thread */

/* Requests that other versions answered, or nobody, are left out. Some 50 ns. */
void first_reference_add(struct first_reference *f, const struct event *e);
bool first_reference_full(const struct first_reference *f);

/* As a manifest has it (models/reference_profile.h), with "since". Labels are left out where there are more
 * different ones than fit: those are answers in words. False: out of memory. */
bool first_reference_write(const struct first_reference *f, struct buf *out);
