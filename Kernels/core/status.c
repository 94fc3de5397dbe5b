#include "ptn_status.h"

const char *ptn_status_description(ptn_status status) {
    switch (status) {
    case PTN_OK: return "no error";
    case PTN_BAD_ARGUMENT: return "an argument breaks the kernel's contract";
    case PTN_SIZE_OVERFLOW: return "a byte count does not fit the address space";
    case PTN_OUT_OF_MEMORY: return "not enough memory";
    case PTN_UNSUPPORTED_ISA: return "this CPU cannot run the requested instruction set";
    }
    return "unknown status";
}
