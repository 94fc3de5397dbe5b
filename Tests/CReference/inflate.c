#include "reference.h"
#include <string.h>
#include <zlib.h>

int reference_inflate(const unsigned char *source, size_t source_size, int gzip,
                      unsigned char *target, size_t target_size) {
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    stream.next_in = (unsigned char *)source;
    stream.avail_in = (unsigned)source_size;
    stream.next_out = target;
    stream.avail_out = (unsigned)target_size;
    if (inflateInit2(&stream, gzip ? MAX_WBITS + 16 : -MAX_WBITS) != Z_OK) return 0;
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return status == Z_STREAM_END && stream.total_out == target_size;
}
