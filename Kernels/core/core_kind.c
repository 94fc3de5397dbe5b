// Detects the kind of the core.
#include "core_kind.h"

ptn_core_kind ptn_core_kind_here(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_is("amdfam19h")) return PTN_CORE_ZEN;
#endif
    return PTN_CORE_OTHER;
}
