// Planning and blending for every instruction set.
#include "sampling.h"

#define PTN_SOURCE "../sampling/sampling.inc"
#include "../core/foreach_isa.h"

const ptn_plan_fn ptn_plan_corners[PTN_ISA_COUNT] = PTN_TABLE(plan_corners);
const ptn_blend_fn ptn_blend_rows[PTN_ISA_COUNT] = PTN_TABLE(blend_rows);
const ptn_gather_fn ptn_gather_pixel[PTN_ISA_COUNT] = PTN_TABLE(gather_pixel);
