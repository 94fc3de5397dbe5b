// Status codes. Kernels never print and never abort: every function that can fail returns a status,
// which the caller must check.
#ifndef PTN_STATUS_H
#define PTN_STATUS_H

typedef enum ptn_status {
    PTN_OK = 0,
    PTN_BAD_ARGUMENT = 1,    // a size, stride, group count or pointer breaks the contract
    PTN_SIZE_OVERFLOW = 2,   // a byte count does not fit the address space
    PTN_OUT_OF_MEMORY = 3,   // memory could not be allocated
    PTN_UNSUPPORTED_ISA = 4, // this CPU (or this build) cannot run the requested variant
} ptn_status;

#define PTN_MUST_CHECK __attribute__((warn_unused_result))

// A static English phrase for a status; never NULL.
const char *ptn_status_description(ptn_status status);

#endif
