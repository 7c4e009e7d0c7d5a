/* Protocol Buffers, written by hand: as much of the wire format as our few messages need
 * (https://protobuf.dev/programming-guides/encoding/). A failed buffer stays failed, as everywhere. Any
 * thread. */
#pragma once

#include "base/buf.h"

/* Each writes a field with its number. Zeros and empty texts are written, too. */
void protobuf_int(struct buf *out, unsigned field, uint64_t value); /* int32, int64 from 0 on, uint…, enum */
void protobuf_fixed64(struct buf *out, unsigned field, uint64_t value);
void protobuf_double(struct buf *out, unsigned field, double value);
void protobuf_bytes(struct buf *out, unsigned field,
                    struct str bytes); /* string, bytes, a message that is made */

/* A message within: what is written until protobuf_end, with what begin gave, is its content. */
size_t protobuf_begin(struct buf *out, unsigned field);
void protobuf_end(struct buf *out, size_t begun);
