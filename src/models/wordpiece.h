/* WordPiece, the tokens of BERT and of the sentence encoders made of it (Devlin et al., 2019; Schuster and
 * Nakajima, 2012), from a vocabulary file: one token a line, its number the line's, "##" before what goes on
 * in a word. Words end at spaces and at each punctuation and Chinese character; uncased vocabularies see
 * lower case without accents (Latin, Greek and Cyrillic; letters beyond those stay as they are). Immutable;
 * any thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct wordpiece;

enum { WORDPIECE_TOKENS_MAX = 1000000, WORDPIECE_WORD_MAX = 100 /* letters; a longer word is unknown */ };

/* `vocabulary` is borrowed as long as it lives. ERR_ARTEFACT: it lacks [UNK], [CLS] or [SEP], or is none. */
bool wordpiece_new(struct wordpiece **out, struct str vocabulary, bool cased, struct error *err) MUST_USE;
void wordpiece_free(struct wordpiece *w); /* NULL is fine */

/* [CLS], the text's tokens as far as there is room, [SEP]; returns how many, at most `room`, which is 2 at
 * least. Any bytes are fine. */
size_t wordpiece_encode(const struct wordpiece *w, struct str text, int64_t *tokens, size_t room);
