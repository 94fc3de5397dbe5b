// The includes of most drivers of element-wise and memory-bound kernels.
#ifndef PTN_MAP_H
#define PTN_MAP_H

#include "../activation/activate.h"
#include "../core/checked.h"
#include "../core/rows.h"
#include "ptn_activation.h"
#include <string.h>

#endif
