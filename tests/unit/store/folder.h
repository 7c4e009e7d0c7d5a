/* A folder of its own for one test, removed with everything in it afterwards. */
#pragma once

#include "unit.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

struct test_folder {
    char path[128];
};

static inline void folder_make(struct test_folder *f) {
    snprintf(f->path, sizeof f->path, "/tmp/penstock-test-XXXXXX");
    assert_non_null(mkdtemp(f->path));
}

static inline int folder_remove_entry(const char *path, const struct stat *st, int flag, struct FTW *at) {
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static inline void folder_remove(struct test_folder *f) {
    nftw(f->path, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
