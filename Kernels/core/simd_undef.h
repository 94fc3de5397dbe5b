// Closes the region that simd_ops.h opened.
#undef PTN_SUFFIX
#undef PTN_V_LEN
#undef vf
#undef vi
#undef vload
#undef vstore
#undef vload_n
#undef vstore_n
#undef vset
#undef vfma
#undef vmax
#undef vmin
#undef vround
#undef vselect
#undef vsum
#undef vpick
#undef vpick2
