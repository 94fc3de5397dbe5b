#ifndef C_PROTEAN_IMAGE_H
#define C_PROTEAN_IMAGE_H
#endif
