/* What a file is, by its content and never by its name: PDF, JPEG, PNG or plain text; everything else is
 * refused with the reason. libmagic's verdict over the first 4 KB must agree with the file's own
 * structure, since a file that two programs read differently (a polyglot) is an attack or a mistake.
 * One libmagic handle per thread, made on first use. Any thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>

enum file_type { FILE_TYPE_UNKNOWN, FILE_TYPE_PDF, FILE_TYPE_JPEG, FILE_TYPE_PNG, FILE_TYPE_TEXT };

/* The rules, in order:
 *  - nothing: ERR_FILE_EMPTY;
 *  - PDF: "%PDF-" within the first 1,024 bytes (ISO 32000-1, note 13 of annex H) with nothing before it
 *    that is a file of another kind; libmagic agrees when the header is at the start;
 *  - JPEG, PNG: signature at offset 0 and libmagic agrees; what follows the image's end marker may be
 *    padding or camera data, but not the start of another file (PDF, ZIP, RAR, 7z, gzip, ELF, PE, script);
 *  - text: valid UTF-8 without control characters other than tab, line ends and form feed, and libmagic
 *    does not see a script or a program in it;
 *  - anything else: ERR_FILE_TYPE, naming what libmagic saw. */
bool file_type_detect(struct str bytes, enum file_type *out, struct error *err) MUST_USE;

const char *file_type_name(enum file_type type); /* "PDF", "JPEG", … */
const char *file_type_mime(enum file_type type); /* "application/pdf", … */
