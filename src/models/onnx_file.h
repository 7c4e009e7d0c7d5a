/* What is looked at in an ONNX file (protocol buffers, onnx.proto of the ONNX specification) before ONNX
 * Runtime may read it: that its messages lie within each other, how deep they nest, and that no tensor names
 * another file for its numbers, which the runtime would open. What the operators compute is not looked at.
 * Pure; any thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { ONNX_FILE_MAX = 1 << 30, ONNX_DEPTH_MAX = 32 };

/* ERR_ARTEFACT says what is wrong, and where. */
bool onnx_file_check(struct str bytes, struct error *err) MUST_USE;
