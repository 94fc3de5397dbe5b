// The arithmetic of moments, per instruction set.
#include "moments.h"

#define PTN_SOURCE "../attention/moments.inc"
#include "../core/foreach_isa.h"

const ptn_moments_fn ptn_moments_blocks_of[PTN_ISA_COUNT] = PTN_TABLE(moments_blocks);
