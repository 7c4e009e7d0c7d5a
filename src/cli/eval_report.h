/* What `penstock eval` shows and writes. */
#pragma once

#include "evals/report.h"

/* Each path may be NULL. ERR_IO. */
bool eval_write_files(const struct report *r, const char *json, const char *junit, const char *answers,
                      struct error *err) MUST_USE;
/* To standard output. `stored`: under which ID; NULL: it was not. */
void eval_print(const struct report *r, const char *stored);
