/* Where ./quickstart put the demonstration's configuration. Any thread. */
#pragma once

#include "base/error.h"

enum { DEMO_CONFIG_SIZE = 4200 };

/* Beside the folder that the program lies in, else in the current folder. ERR_NOT_FOUND says how to prepare
 * it. */
bool demo_config_path(char path[DEMO_CONFIG_SIZE], struct error *err) MUST_USE;
