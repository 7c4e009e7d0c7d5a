/* Training rows from files as clients send them: a folder with a sub-folder for each class, holding PDFs,
 * JPEGs, PNGs and texts in any mixture. Each is read the way that serving reads it (documents/documents.h:
 * its own text, its looks, quick recognition), in sandboxed processes and a few at once, but handed out in
 * the order of the names, so that the same folder makes the same rows. A file that cannot be read is a
 * rejected row. One thread. */
#pragma once

#include "learn/rows.h"

/* Starts a parser pool of its own. NULL and *err when there are no classes or no parser. */
struct row_reader *document_rows_open(const char *path, struct error *err) MUST_USE;
/* The same rows with nothing but their labels and files: for naming a dataset, not for training on it. */
struct row_reader *document_files_open(const char *path, struct error *err) MUST_USE;
