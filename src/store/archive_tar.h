/* The little of tar that archives need: POSIX ustar (IEEE Std 1003.1-2017, pax, "ustar Interchange Format")
 * with regular files of plain names, one after the other. Reading believes nothing: links, folders, devices,
 * extended headers, prefixes, sizes in anything but octal, wrong check sums and bytes behind the end are
 * refused. One thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdio.h>

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 100 };

struct tar_entry {
    char name[TAR_NAME_MAX + 1];
    uint64_t size;
};

/* ---- writing ---- */

struct tar_writer {
    FILE *out;
    const char *path; /* for messages */
    uint64_t left;    /* of the entry under way */
    unsigned padding;
};

/* The entry before must have had all its bytes. */
bool tar_begin(struct tar_writer *w, const char *name, uint64_t size, struct error *err) MUST_USE;
bool tar_add(struct tar_writer *w, struct str bytes, struct error *err) MUST_USE;
/* The end of the archive; does not close the file. */
bool tar_finish(struct tar_writer *w, struct error *err) MUST_USE;

/* ---- reading ---- */

struct tar_reader {
    FILE *in;
    const char *path; /* for messages */
    uint64_t left;    /* of the entry under way */
    unsigned padding;
};

/* The next entry; what was not read of the last one is passed over. *end: there is none, and nothing but
 * zeros behind it. */
bool tar_next(struct tar_reader *r, struct tar_entry *out, bool *end, struct error *err) MUST_USE;
/* Up to n bytes of the entry; *got is 0 at its end only. */
bool tar_read(struct tar_reader *r, char *to, size_t n, size_t *got, struct error *err) MUST_USE;
