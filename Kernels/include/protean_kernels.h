// Every kernel's contract in one include, for callers in C.
#ifndef PROTEAN_KERNELS_H
#define PROTEAN_KERNELS_H

#include "ptn_activation.h"
#include "ptn_connection_mix.h"
#include "ptn_conv2d.h"
#include "ptn_conv2d_chain.h"
#include "ptn_convert.h"
#include "ptn_deform_aggregate.h"
#include "ptn_deform_conv2d.h"
#include "ptn_deform_kernel.h"
#include "ptn_dynamic_relu.h"
#include "ptn_elementwise.h"
#include "ptn_expert_mix.h"
#include "ptn_grid_sample.h"
#include "ptn_grid_volume.h"
#include "ptn_layer_norm.h"
#include "ptn_layout.h"
#include "ptn_mask_copy.h"
#include "ptn_mask_plan.h"
#include "ptn_masked_conv2d.h"
#include "ptn_memory.h"
#include "ptn_pool.h"
#include "ptn_random.h"
#include "ptn_resize.h"
#include "ptn_roi_align.h"
#include "ptn_roofline.h"
#include "ptn_runtime.h"
#include "ptn_softmax.h"
#include "ptn_status.h"

#endif
