/* A list for people, as a table, or for programs, as a JSON array: what the commands that list have in
 * common. One thread. */
#pragma once

#include "base/json.h"
#include "cli/table.h"

struct listing {
    bool json;
    struct table table;   /* else: a row for each item, */
    struct json_writer w; /* or an object */
    struct buf text;
};

/* `heads` must outlive it. The listing must stay where it is until listing_end. */
void listing_begin(struct listing *l, const char *const *heads, unsigned columns, bool json);
/* Prints it, when `good`, and frees it; returns `good`, so that it can follow what filled the listing. */
bool listing_end(struct listing *l, bool good);
