// gzip files, through the system's zlib.
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "internal.h"

// What is unpacked so far.
typedef struct {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
} buffer;

// Makes room for at least one more byte; 0 without memory.
static int grow(buffer *out, size_t limit) {
    if (out->count < out->capacity) return 1;
    size_t capacity = out->capacity < limit / 2 ? out->capacity * 2 : limit;
    if (capacity < 4096) capacity = limit < 4096 ? limit : 4096;
    if (capacity <= out->capacity) return 0;
    uint8_t *moved = realloc(out->bytes, capacity);
    if (moved == NULL) return 0;
    out->bytes = moved;
    out->capacity = capacity;
    return 1;
}

static ptn_image_status status_of(int code, ptn_image_message *message) {
    switch (code) {
    case Z_MEM_ERROR: return PTN_IMAGE_OUT_OF_MEMORY;
    case Z_BUF_ERROR:
        ptn_image_say(message, "the compressed data end too early");
        return PTN_IMAGE_TRUNCATED;
    default: ptn_image_say(message, "the compressed data are damaged"); return PTN_IMAGE_CORRUPT;
    }
}

// Unpacks one member after the other until the data end.
static ptn_image_status unpack(z_stream *stream, const uint8_t *data, size_t size, size_t limit,
                               buffer *out, ptn_image_message *message) {
    size_t taken = 0;
    for (;;) {
        // One byte more than allowed shows that there is too much.
        if (!grow(out, limit + 1)) {
            if (out->count <= limit) return PTN_IMAGE_OUT_OF_MEMORY;
            ptn_image_say(message, "more comes out than is allowed");
            return PTN_IMAGE_LIMIT;
        }
        size_t rest = size - taken, room = out->capacity - out->count;
        uInt given = rest > 1u << 30 ? 1u << 30 : (uInt)rest;
        uInt space = room > 1u << 30 ? 1u << 30 : (uInt)room;
        stream->next_in = (Bytef *)(uintptr_t)(data + taken);
        stream->avail_in = given;
        stream->next_out = out->bytes + out->count;
        stream->avail_out = space;
        int code = inflate(stream, Z_NO_FLUSH);
        taken += given - stream->avail_in;
        out->count += space - stream->avail_out;
        if (code == Z_STREAM_END) {
            if (taken == size) return PTN_IMAGE_OK;
            code = inflateReset(stream);
        } else if (code == Z_BUF_ERROR && stream->avail_out == 0) {
            // Only room was missing.
            code = Z_OK;
        }
        if (code != Z_OK) return status_of(code, message);
    }
}

ptn_image_status ptn_image_gunzip(const uint8_t *data, size_t size, size_t limit, uint8_t **bytes,
                                  size_t *count, ptn_image_message *message) {
    if (data == NULL || bytes == NULL || count == NULL || message == NULL || limit == SIZE_MAX)
        return PTN_IMAGE_BAD_ARGUMENT;
    *bytes = NULL;
    *count = 0;
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    // 15 bits of window; 16 more mean a gzip header.
    if (inflateInit2(&stream, 15 + 16) != Z_OK) return PTN_IMAGE_OUT_OF_MEMORY;
    buffer out = {NULL, 0, 0};
    ptn_image_status status = unpack(&stream, data, size, limit, &out, message);
    inflateEnd(&stream);
    if (status == PTN_IMAGE_OK && out.count > limit) {
        ptn_image_say(message, "more comes out than is allowed");
        status = PTN_IMAGE_LIMIT;
    }
    if (status != PTN_IMAGE_OK) {
        free(out.bytes);
        return status;
    }
    *bytes = out.bytes;
    *count = out.count;
    return PTN_IMAGE_OK;
}
