#include "CProteanImage.h"
