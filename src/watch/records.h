/* Events in the store: written by the recorder, read by `penstock requests` and the API. A reader gets the
 * same struct event back. Same threads as the store that is passed.
 *
 * An event's key is the microsecond in which it was written, made unique. Events are written packed, a page
 * for some dozens (record_page.h). An ID of our making carries the millisecond of its arrival (base/ids.h),
 * so its event is found by a look at the keys that follow; IDs of which that is not true, the callers' own
 * above all, are entered in the table request_ids. Events of an endpoint are found by the ranges of pages
 * that each commit gave to it. */
#pragma once

#include "base/error.h"
#include "store/store.h"
#include "watch/event.h"

struct record_writer;

/* Reads where the last run ended. The store outlives the writer. */
bool record_writer_new(struct record_writer **out, struct store *s, struct error *err) MUST_USE;
void record_writer_free(struct record_writer *w); /* NULL is fine */

/* Takes the event, and what it says of its kept input (input_blob, when not empty), to be written with
 * others; *row receives the key. In the caller's transaction. ERR_DATA: this event can never be written. */
bool record_insert(struct record_writer *w, struct event *e, int64_t *row, struct error *err) MUST_USE;
/* To be called before the commit: writes what is left, and which pages hold each endpoint's events. */
bool record_writer_end(struct record_writer *w, struct error *err) MUST_USE;
/* To be called when the transaction was rolled back: what was noted in it is forgotten. */
void record_writer_forget(struct record_writer *w);

/* Is it found by the time that its ID carries? Otherwise it is entered in the table request_ids. */
bool record_found_by_time(struct str request_id, int64_t row);

struct record {
    int64_t row;
    const struct event *event; /* its review, when there is one, has only the id; its input is empty */
    struct {
        char blob[SHA256_HEX_SIZE]; /* "" = none is kept; in store_inputs_folder */
        uint64_t size;
        struct str type;
        int64_t keep_until; /* wall ns; 0 = as long as the store lives */
    } input;
};

struct record_filter {
    struct str request_id; /* "" = any */
    struct str endpoint;   /* "" = any; not looked at when request_id is given */
    int64_t from, to;      /* wall ns of recording, from inclusive, to exclusive; 0 = open */
    int64_t before;        /* continue behind this row; 0 = from the newest */
    unsigned limit;        /* at least 1 */
    /* Not looked at when request_id is given: */
    struct str client, model;      /* "" = any */
    unsigned decisions;            /* a bit for each wanted one (1 << DECISION_…); 0 = any */
    int status_least, status_most; /* 0 = open */
};
/* Calls visit for what matches, newest first (oldest first for a request_id, which mostly is one row);
 * views are good during the call. */
bool records_visit(struct store *s, const struct record_filter *filter,
                   void (*visit)(const struct record *r, void *ctx), void *ctx, struct error *err) MUST_USE;

/* The same, for as long as the clock (monotonic) is before `deadline`: what is asked for may be rare among
 * millions. *next: where to continue (`before`), or 0 when all was looked at. Of ten million records
 * those of one client or model are all looked through in 0.4 s, for anything else in 2 s
 * (bench/record_search.c). */
bool records_search(struct store *s, const struct record_filter *filter, int64_t deadline,
                    void (*visit)(const struct record *r, void *ctx), void *ctx, int64_t *next,
                    struct error *err) MUST_USE;
