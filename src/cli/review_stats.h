/* The figures of a review queue (review/stats.h) for people. */
#pragma once

#include "base/str.h"

/* `json`: as review_stats writes it, for who runs the system. */
void review_print_stats(struct str json);
