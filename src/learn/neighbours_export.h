/* Writes the section that models/neighbours.h reads: some texts of each label, evenly over its rows, with
 * their heaviest words. One thread. */
#pragma once

#include "learn/design.h"
#include "models/artefact.h"

bool neighbours_export(struct artefact_writer *w, const struct design *d) MUST_USE; /* false: no memory */
