/* Photographs many documents at once: orders are collected into one list for each core, then a
 * penstock-demo-camera works through each list, as processes of their own. A document that was photographed
 * loses its PDF. One thread. */
#pragma once

#include "base/error.h"

#include <limits.h>
#include <stdio.h>

enum { STUDIO_CAMERAS_MAX = 16, STUDIO_SECONDS_MAX = 900 };

struct studio {
    const char *camera_program;
    unsigned cameras, orders;
    FILE *lists[STUDIO_CAMERAS_MAX];
    char paths[STUDIO_CAMERAS_MAX][PATH_MAX];
};

/* Lists are kept in `folder` until the end. */
bool studio_begin(struct studio *studio, const char *camera_program, const char *folder,
                  struct error *err) MUST_USE;
void studio_order(struct studio *studio, uint64_t seed, unsigned pixels, const char *pdf, const char *jpeg);
/* Takes the photographs, or with `wanted` false only tidies up (and then succeeds). At most
 * STUDIO_SECONDS_MAX. */
bool studio_end(struct studio *studio, bool wanted, struct error *err) MUST_USE;
