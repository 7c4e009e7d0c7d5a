/* The text of a configuration file as a tree of YAML nodes, read by libyaml within bounds: size, depth,
 * number of values and anchors. Bounds come before libyaml's document is built, since some of its
 * tables are searched in linear time. Tags and several documents are refused; aliases share nodes, so
 * they cost nothing until a reader follows them, which options do to a fixed depth. No state. */
#pragma once

#include "base/str.h"

#include <yaml.h>

enum { DOCUMENT_DEPTH_MAX = 16, DOCUMENT_VALUES_MAX = 50000, DOCUMENT_ANCHORS_MAX = 200 };

struct document_fault {
    unsigned line, column; /* from 1; 0: the text as a whole */
    char message[300];
};

/* On success *out is the caller's, to be given to yaml_document_delete; an empty text has no root. */
bool document_read(struct str text, yaml_document_t *out, struct document_fault *fault) MUST_USE;
